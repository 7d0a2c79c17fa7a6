/** From the flags of `drayer serve` and the config's `serve` to what the operator's server is told. */
import type { ServeConfig } from '../config/serve-config.ts';
import { checkHostNames } from '../config/settings.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import type { OperatorOptions } from '../daemon/operator.ts';
import { findSite } from '../daemon/served-streams.ts';
import type { StreamSource } from '../server/stream-set.ts';

/** Flags that an operator gives. */
export type OperatorFlags = {
  readonly accessLog?: 'common' | 'json' | undefined;
  readonly logAddress?: 'full' | 'network' | 'none' | undefined;
  readonly metricsPort?: number | undefined;
  readonly behindProxy?: readonly string[] | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly sitePorts?: number | undefined;
  readonly redirect?: boolean | undefined;
  readonly spa?: boolean | undefined;
  readonly listing?: boolean | undefined;
  /** `NAME=STREAM`, or `NAME` where there is one stream. */
  readonly name?: readonly string[] | undefined;
  /** `NAME=STREAM`. */
  readonly domain?: readonly string[] | undefined;
  readonly sitesDomain?: readonly string[] | undefined;
};

/** What else decides. */
export type OperatorSurroundings = {
  readonly config: ServeConfig | undefined;
  readonly dataDir: string;
  readonly sources: readonly StreamSource[];
};

/** Whether none of them was given. */
export function isPlainOperator(flags: OperatorFlags): boolean {
  const { accessLog, logAddress, metricsPort, behindProxy, tlsCert, tlsKey } = flags;
  const log = accessLog ?? logAddress ?? metricsPort ?? behindProxy ?? tlsCert ?? tlsKey;
  // `--no-redirect` has a default of its own making: true.
  return (
    (log ?? flags.sitePorts ?? flags.name ?? flags.domain ?? flags.sitesDomain) === undefined &&
    (flags.spa ?? flags.listing) === undefined &&
    flags.redirect !== false
  );
}

/**
 * Settles what an operator asks for: a flag, else the config.
 *
 * @throws {DrayerError} USAGE for half a certificate, or a domain that names no stream
 */
export async function operatorOptions(
  flags: OperatorFlags,
  { config = {}, dataDir, sources }: OperatorSurroundings,
): Promise<OperatorOptions> {
  if (flags.sitePorts === 0) {
    // What a browser keeps for a port is the site's own: it has to be the same the next time.
    throw new DrayerError('USAGE', '--site-ports: expected an integer from 1 to 65535, got "0"');
  }
  return {
    dataDir,
    accessLog: flags.accessLog ?? config.accessLog,
    logAddress: flags.logAddress ?? config.logAddress,
    metricsPort: flags.metricsPort ?? config.metricsPort,
    behindProxy: flags.behindProxy ?? config.behindProxy,
    certificate: certificateOf(flags) ?? config.tls,
    sitePorts: flags.sitePorts ?? config.sitePorts,
    redirects: flags.redirect === false ? false : config.redirect,
    spa: flags.spa ?? config.spa,
    listing: flags.listing ?? config.listing,
    temporaryBytes: config.temporaryBytes,
    domains: await domainsOf(flags, config, sources),
    names: await namesOf(flags, config, sources),
    moved: movedOf(config),
    parents: checkHostNames(flags.sitesDomain ?? config.sitesDomains ?? [], '--sites-domain'),
  };
}

function certificateOf({
  tlsCert: cert,
  tlsKey: key,
}: OperatorFlags): OperatorOptions['certificate'] {
  if (cert === undefined && key === undefined) return undefined;
  if (cert !== undefined && key !== undefined) return { cert, key };
  throw new DrayerError('USAGE', '--tls-cert and --tls-key: expected both, got one');
}

async function domainsOf(
  { domain }: OperatorFlags,
  { domains = {} }: ServeConfig,
  sources: readonly StreamSource[],
): Promise<Record<string, Uint8Array>> {
  const wanted = domain === undefined ? Object.entries(domains) : domain.map(parseDomain);
  const keys: Record<string, Uint8Array> = {};
  for (const [name, stream] of wanted) keys[name] = await keyOf(stream, sources);
  return keys;
}

async function namesOf(
  { name }: OperatorFlags,
  { names = {} }: ServeConfig,
  sources: readonly StreamSource[],
): Promise<Record<string, Uint8Array>> {
  const wanted = name === undefined ? Object.entries(names) : name.map((text) => parseName(text));
  const keys: Record<string, Uint8Array> = {};
  for (const [label, stream] of wanted) {
    const only = sources.length === 1 ? sources[0]?.path : undefined;
    const meant = stream === '' ? only : stream;
    if (meant === undefined) {
      throw new DrayerError('USAGE', `--name: expected ${label}=STREAM, as there are several`);
    }
    keys[label] = await keyOf(meant, sources);
  }
  return keys;
}

function parseName(text: string): readonly [string, string] {
  const [, label, stream = ''] =
    /^([a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?)(?:=(.+))?$/i.exec(text) ?? [];
  if (label !== undefined) return [label.toLowerCase(), stream];
  throw new DrayerError(
    'USAGE',
    `--name: expected a name of letters, digits and -, got ${JSON.stringify(text)}`,
    {
      hint: 'such as --name blog for http://blog.local, or --name blog=STREAM',
    },
  );
}

function movedOf({ moved = {} }: ServeConfig): Record<string, string> {
  const entries = Object.entries(moved).map(([id, url]) => [
    formatStreamId(parseStreamId(id)),
    url,
  ]);
  return Object.fromEntries(entries);
}

function parseDomain(text: string): readonly [string, string] {
  const match = /^([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)=(.+)$/i.exec(text);
  if (match?.[1] !== undefined && match[2] !== undefined) return [match[1], match[2]];
  throw new DrayerError('USAGE', `--domain: expected NAME=STREAM, got ${JSON.stringify(text)}`);
}

/** An id may be of a stream that is still to come. */
async function keyOf(stream: string, sources: readonly StreamSource[]): Promise<Uint8Array> {
  try {
    return parseStreamId(stream);
  } catch (error) {
    if (!isDrayerError(error, 'STREAM_ID_INVALID')) throw error;
    return await findSite(stream, sources);
  }
}
