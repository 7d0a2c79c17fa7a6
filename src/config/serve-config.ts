/** The `serve` field of drayer.config.ts: what an operator may ask of `drayer serve` besides serving. */
import * as v from 'valibot';

/** What an operator may ask of a server. */
export type ServeConfig = {
  /** Prints a line for each request on stdout: in the Common Log Format, or as JSON. Default: none. */
  readonly accessLog?: 'common' | 'json' | undefined;
  /** How much of a client's address a line has: `full`, `network` (default) or `none`. */
  readonly logAddress?: 'full' | 'network' | 'none' | undefined;
  /** Processes that serve the same streams; with more than one nobody can push. Default: 1. */
  readonly workers?: number | undefined;
  /** Port of `/metrics` and `/health`, on this machine only; 0 for any free one. Default: none. */
  readonly metricsPort?: number | undefined;
  /** Addresses and networks of proxies that are believed about who asks, such as `127.0.0.1`. Default: none. */
  readonly behindProxy?: readonly string[] | undefined;
  /** PEM files, relative to the config file: then there is HTTPS and no HTTP. Default: HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** First of the ports that sites have of their own, for phones on the same network. Default: they have none. */
  readonly sitePorts?: number | undefined;
  /** Leads people who open the path form on `localhost` to the site's own origin. Default: true. */
  readonly redirect?: boolean | undefined;
  /** Answers with `index.html` for every page that is none; missing scripts stay missing. Default: false. */
  readonly spa?: boolean | undefined;
  /** Shows what is in a folder without `index.html`. Default: false. */
  readonly listing?: boolean | undefined;
  /** Names with a site of their own: name to a stream's name or id. */
  readonly domains?: Readonly<Record<string, string>> | undefined;
  /** Names below which each site has one of its own, `<id in base32>.NAME`. */
  readonly sitesDomains?: readonly string[] | undefined;
  /** Most bytes of large values in temporary files, in each process; never more than half of what is free. Default: 4 GiB. */
  readonly temporaryBytes?: number | undefined;
  /** With `lan`: names of sites there, without `.local`, to a stream's name or id. Others are called as they are in lists. */
  readonly names?: Readonly<Record<string, string>> | undefined;
  /** Sites that are somewhere else now: stream id to the address of a server. People who ask for them here are led there. */
  readonly moved?: Readonly<Record<string, string>> | undefined;
};

const text = v.pipe(v.string(), v.minLength(1, 'a non-empty string'));

const port = v.pipe(
  v.number(),
  v.check((n) => Number.isInteger(n) && n >= 0 && n <= 65_535, 'an integer from 0 to 65535'),
);

const sitePort = v.pipe(
  v.number(),
  v.check((n) => Number.isInteger(n) && n > 0 && n <= 65_535, 'an integer from 1 to 65535'),
);

const hostName = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i, 'a host name without port or scheme'),
);

const label = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?$/, 'a name of small letters, digits and -'),
);

const serverUrl = v.pipe(
  v.string(),
  v.check(
    (url) => /^https?:\/\/[^\s?#@]+$/i.test(url) && URL.canParse(url),
    'an address such as https://example.org/',
  ),
);

const schema = v.strictObject({
  accessLog: v.optional(v.picklist(['common', 'json'])),
  logAddress: v.optional(v.picklist(['full', 'network', 'none'])),
  workers: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(64))),
  metricsPort: v.optional(port),
  behindProxy: v.optional(v.array(text)),
  tls: v.optional(v.strictObject({ cert: text, key: text })),
  sitePorts: v.optional(sitePort),
  redirect: v.optional(v.boolean()),
  spa: v.optional(v.boolean()),
  listing: v.optional(v.boolean()),
  domains: v.optional(v.record(hostName, text)),
  sitesDomains: v.optional(v.array(hostName)),
  temporaryBytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1_000_000))),
  names: v.optional(v.record(label, text)),
  moved: v.optional(v.record(text, serverUrl)),
});

/** Checks it; config-schema.ts makes it part of the whole. */
export const serveSchema: v.GenericSchema<unknown, ServeConfig> = schema;

/** The names it may have. */
export const SERVE_FIELDS: readonly string[] = Object.keys(schema.entries);

// Fails to compile when a field is added to the type and not to the schema.
type Unchecked = Exclude<keyof ServeConfig, keyof typeof schema.entries>;
const nothingUnchecked: [Unchecked] extends [never] ? true : false = true;
void nothingUnchecked;
