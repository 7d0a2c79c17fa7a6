/** The `push` field of drayer.config.ts. */
import * as v from 'valibot';
import { byteCount, text } from './schema-parts.ts';

/** Who may push streams to this server, and how much. */
export type PushConfig = {
  /** Public keys that may, in any spelling; besides those of `drayer allow`. */
  readonly allow?: readonly string[] | undefined;
  /** Most bytes on disk of one stream, uploads included. Default: 1 GiB. */
  readonly quota?: number | undefined;
  /** A token that has to come with each push as well; better in `DRAYER_PUSH_TOKEN` than here. */
  readonly token?: string | undefined;
  /** How much of a client's address is told of a push: `full`, `network` (default) or `none`. */
  readonly address?: 'full' | 'network' | 'none' | undefined;
};

const detail = v.strictObject({
  allow: v.optional(v.array(text)),
  quota: v.optional(byteCount),
  token: v.optional(text),
  address: v.optional(v.picklist(['full', 'network', 'none'])),
});

/** Checks it; config-schema.ts makes it part of the whole. */
export const pushSchema: v.GenericSchema<PushConfig> = detail;

/** The names it may have, for the hint after a misspelt one. */
export const PUSH_FIELDS: readonly string[] = Object.keys(detail.entries);

// Fails to compile when a field is added to the type and not to the schema.
type Unchecked = Exclude<keyof PushConfig, keyof typeof detail.entries>;
const nothingUnchecked: [Unchecked] extends [never] ? true : false = true;
void nothingUnchecked;
