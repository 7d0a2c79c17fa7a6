/** The addresses a person can click, for what a server hosts and where it listens. Pure. */
import { bytesEqual } from '../core/record.ts';
import { formatStreamId } from '../core/stream-id.ts';

/** What is needed to name a server's addresses. */
export type Listening = {
  readonly port: number;
  /** Over TLS. Default: false. */
  readonly isSecure?: boolean | undefined;
  /** The address given with `--host`; undefined for loopback or all interfaces. */
  readonly host?: string | undefined;
  /** This machine's addresses on its networks; empty unless other machines can reach us. */
  readonly lanAddresses: readonly string[];
};

/** What is hosted, as far as addresses show it. */
export type Hosted = {
  /** Public keys of the hosted streams. */
  readonly publicKeys: readonly Uint8Array[];
  /** The one served at `/`. */
  readonly site?: Uint8Array | undefined;
  /** Mount prefix: empty, or `/prefix`. */
  readonly mount: string;
};

/** Most sites that get addresses of their own; the front page links the others. */
const MOST_SITES = 5;

/**
 * Lists what a person can click: this server, each site on an origin of its own
 * (`<base32>.localhost`), in the path form that works without names, and from other machines.
 */
export function clickableAddresses(listening: Listening, hosted: Hosted): string[] {
  const isLocal = listening.host === undefined;
  const outside = isLocal ? listening.lanAddresses : [listening.host ?? ''];
  const front = [...(isLocal ? ['localhost'] : []), ...outside];
  const addresses = front.map((host) => url(host, listening, `${hosted.mount}/`));

  const { site } = hosted;
  // With a site at `/` there is no front page that could link the others.
  const isMany = site === undefined && hosted.publicKeys.length > MOST_SITES;
  const shown = isMany ? [] : hosted.publicKeys;
  for (const publicKey of shown) {
    if (isLocal) {
      const label = formatStreamId(publicKey, 'base32');
      addresses.push(url(`${label}.localhost`, listening, '/'));
    }
    if (site !== undefined && bytesEqual(site, publicKey)) continue;
    const path = `${hosted.mount}/${formatStreamId(publicKey, 'base64url')}/webAccess/`;
    for (const host of [...(isLocal ? ['127.0.0.1'] : []), ...outside]) {
      addresses.push(url(host, listening, path));
    }
  }
  return addresses;
}

/** Lists the addresses of the one site of a port: what a phone on the same network can open. */
export function siteAddresses(listening: Listening): string[] {
  const { host, lanAddresses } = listening;
  const hosts = host === undefined ? ['localhost', ...lanAddresses] : [host];
  return hosts.map((one) => url(one, listening, '/'));
}

function url(host: string, { port, isSecure = false }: Listening, path: string): string {
  const name = host.includes(':') ? `[${host}]` : host;
  const usual = isSecure ? 443 : 80;
  return `http${isSecure ? 's' : ''}://${name}${port === usual ? '' : `:${port}`}${path}`;
}
