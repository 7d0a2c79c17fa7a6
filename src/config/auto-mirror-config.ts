/** The `autoMirror` field of drayer.config.ts: what is taken without a question. */
import * as v from 'valibot';

/** How much is taken of what is heard nearby. */
export type AutoMirrorConfig = {
  /** Most streams. Default: 50. */
  readonly streams?: number | undefined;
  /** Most bytes of one stream. Default: 100 MB. */
  readonly streamBytes?: number | undefined;
  /** Most bytes of all of them together. Default: 5 GB. */
  readonly totalBytes?: number | undefined;
  /** Nothing is taken that could leave less free on the disk. Default: 1 GB. */
  readonly freeBytes?: number | undefined;
};

const count = v.pipe(
  v.number(),
  v.check((n) => Number.isSafeInteger(n) && n > 0, 'a whole number above 0'),
);

const limits = v.strictObject({
  streams: v.optional(count),
  streamBytes: v.optional(count),
  totalBytes: v.optional(count),
  freeBytes: v.optional(count),
});

/** Checks it; config-schema.ts makes it part of the whole. */
export const autoMirrorSchema: v.GenericSchema<'nearby' | AutoMirrorConfig> = v.union([
  v.literal('nearby'),
  limits,
]);

// Fails to compile when a field is added to the type and not to the schema.
type Unchecked = Exclude<keyof AutoMirrorConfig, keyof typeof limits.entries>;
const nothingUnchecked: [Unchecked] extends [never] ? true : false = true;
void nothingUnchecked;
