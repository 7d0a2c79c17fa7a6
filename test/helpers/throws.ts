/** Matchers for assert.throws and a rejection check: an error must be ours and carry the code. */
import { type DrayerError, type ErrorCode, isDrayerError } from '../../src/core/errors.ts';

/** Matcher for `assert.throws`: a DrayerError with this code. */
export function throwsCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => {
    if (isDrayerError(error, code)) return true;
    throw new Error(`expected a DrayerError ${code}, got ${String(error)}`, { cause: error });
  };
}

/** Awaits a promise that must reject with a DrayerError of this code; returns the error. */
export async function rejectsCode(
  promise: Promise<unknown>,
  code: ErrorCode,
): Promise<DrayerError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) throw new Error(`expected a rejection with ${code}, it resolved`);
  throwsCode(code)(outcome.error);
  // It was looked at right before.
  return outcome.error as DrayerError;
}
