/** The `dht` field of drayer.config.ts, where it says more than `true`. */
import * as v from 'valibot';
import { port } from './schema-parts.ts';

/** How the mainline DHT is used. */
export type DhtConfig = {
  /** `HOST:PORT` of the nodes to begin with. Default: the usual public ones. */
  readonly bootstrap?: readonly string[] | undefined;
  /** UDP port to ask from. Default: any free one. */
  readonly port?: number | undefined;
  /** Port that others are told to come to, where a router or proxy stands before it. Default: where it serves. */
  readonly httpPort?: number | undefined;
  /** Takes and announces addresses of this machine and of private networks too, for a DHT of one's own. Default: false. */
  readonly anyAddress?: boolean | undefined;
  /** Between two looks at one stream, ms, at least 1,000. Default: 15 minutes. */
  readonly everyMs?: number | undefined;
};

const contact = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?:\d{1,5}$/i, 'HOST:PORT, such as 192.0.2.1:6881'),
);

const detail = v.strictObject({
  bootstrap: v.optional(v.array(contact)),
  port: v.optional(port),
  httpPort: v.optional(port),
  anyAddress: v.optional(v.boolean()),
  everyMs: v.optional(
    v.pipe(
      v.number(),
      v.check((n) => Number.isInteger(n) && n >= 1_000, 'whole ms, at least 1000'),
    ),
  ),
});

/** Checks it; config-schema.ts makes it part of the whole. */
export const dhtSchema: v.GenericSchema<boolean | DhtConfig> = v.union([v.boolean(), detail]);

// Fails to compile when a field is added to the type and not to the schema.
type Unchecked = Exclude<keyof DhtConfig, keyof typeof detail.entries>;
const nothingUnchecked: [Unchecked] extends [never] ? true : false = true;
void nothingUnchecked;
