/** What several parts of the config's schema are made of. */
import * as v from 'valibot';

/** Some text. */
export const text: v.GenericSchema<string> = v.pipe(
  v.string(),
  v.minLength(1, 'a non-empty string'),
);

/** A port, or 0 for any free one. */
export const port: v.GenericSchema<number> = v.pipe(
  v.number(),
  v.check((n) => Number.isInteger(n) && n >= 0 && n <= 65_535, 'an integer from 0 to 65535'),
);

/** A number of bytes. */
export const byteCount: v.GenericSchema<number> = v.pipe(
  v.number(),
  v.check((n) => Number.isSafeInteger(n) && n > 0, 'a whole number of bytes above 0'),
);
