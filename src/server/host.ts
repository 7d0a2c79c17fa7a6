/**
 * Which site a request is for, decided from its Host alone, and which Hosts are served at all.
 *
 * Reads the raw header lines: what a parsed request calls its host can be fooled by
 * `evil.com@127.0.0.1`, by two Host lines and by an absolute-form target. Refusing unknown names is
 * what keeps a page on the internet from reading this server through a name of its own (DNS
 * rebinding); an IP literal cannot be rebound.
 */
import type { IncomingMessage } from 'node:http';
import { isIPv4, isIPv6 } from 'node:net';
import { isDrayerError } from '../core/errors.ts';
import { parseStreamId } from '../core/stream-id.ts';

/** The names a server answers to besides IP literals, `localhost` and `<base32>.localhost`. */
export type HostPolicy = {
  /** Lower case, without port: this machine's names and those the operator allows. */
  readonly names: ReadonlySet<string>;
  /** Names with a site of their own, lower case, to its public key. */
  readonly domains: ReadonlyMap<string, Uint8Array>;
  /** The same on the local network, where names come and go. */
  readonly local?: ReadonlyMap<string, Uint8Array> | undefined;
  /** Names under which each site has one of its own, `<base32>.<name>`, lower case. */
  readonly parents?: ReadonlySet<string> | undefined;
  /** Ports with a site of their own, to its public key: for who reaches this machine by address alone. */
  readonly ports?: ReadonlyMap<number, Uint8Array> | undefined;
  /** The site served at `/` under every name that is not another site's own. */
  readonly site?: Uint8Array | undefined;
};

/** Where a request goes. */
export type Place =
  /** Every stream under its key: sync endpoints and the path form of sites. */
  | { readonly kind: 'shared'; readonly host: string }
  /** One site at `/`; `shared` when the same name serves the machine, as with `--site`. */
  | {
      readonly kind: 'site';
      readonly host: string;
      readonly publicKey: Uint8Array;
      readonly shared: boolean;
      /** It is the port that makes it the site's own. */
      readonly byPort?: boolean | undefined;
      /** It is a name on the local network, which may be another machine's tomorrow. */
      readonly isPassing?: boolean | undefined;
    }
  /** Nowhere: 421. `reason` is for the operator, not for the client. */
  | { readonly kind: 'refused'; readonly reason: string };

const LABEL_CHARACTERS = 52;
const HOST = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9_](?:[a-z0-9._-]*[a-z0-9_-])?))(?::\d{1,5})?$/i;

/**
 * Decides where a request goes.
 *
 * @param rawHeaders - `request.rawHeaders` of node:http: name, value, name, value …
 * @param authority - from an absolute-form target; must then equal Host
 * @param port - the one the connection came to, at this end
 */
export function placeOf(
  rawHeaders: readonly string[],
  authority: string | undefined,
  policy: HostPolicy,
  port?: number | undefined,
): Place {
  const hosts = rawHeaders.filter((_, index) => isHostValue(rawHeaders, index));
  const host = hosts[0];
  if (host === undefined) return refused('a request without Host');
  if (hosts.length > 1) return refused(`a request with ${hosts.length} Hosts`);
  if (authority !== undefined && authority.toLowerCase() !== host.toLowerCase()) {
    return refused(`a request for ${quote(authority)} with Host ${quote(host)}`);
  }
  return placeOfHost(host, policy, port);
}

/** Whether a request has no Host and has to: that is 400 (RFC 9112 §3.2), not a wrong name. */
export function lacksHost({ httpVersion, headers }: IncomingMessage): boolean {
  return httpVersion === '1.1' && headers.host === undefined;
}

function placeOfHost(host: string, policy: HostPolicy, port: number | undefined): Place {
  const match = HOST.exec(host);
  if (match === null) return refused(`Host ${quote(host)}`);
  const name = match[2]?.toLowerCase();
  if (name === undefined) {
    return isIPv6(match[1] ?? '') ? machine(host, policy, port) : refused(`Host ${quote(host)}`);
  }
  const domain = policy.domains.get(name);
  const local = policy.local?.get(name);
  if (domain === undefined && local !== undefined) {
    return { kind: 'site', host, publicKey: local, shared: false, isPassing: true };
  }
  const own = domain ?? siteBelow(name, policy);
  if (own !== undefined) return { kind: 'site', host, publicKey: own, shared: false };
  if (isIPv4(name) || name === 'localhost' || policy.names.has(name)) {
    return machine(host, policy, port);
  }
  return refused(`Host ${quote(host)}; to serve it: --allow-host ${name.slice(0, 253)}`);
}

function siteBelow(name: string, policy: HostPolicy): Uint8Array | undefined {
  const parent = name.charAt(LABEL_CHARACTERS) === '.' ? name.slice(LABEL_CHARACTERS + 1) : '';
  if (parent !== 'localhost' && !policy.parents?.has(parent)) return undefined;
  try {
    return parseStreamId(name.slice(0, LABEL_CHARACTERS));
  } catch (error) {
    // Another name below localhost: refused like any unknown one.
    if (isDrayerError(error, 'STREAM_ID_INVALID')) return undefined;
    throw error;
  }
}

function machine(host: string, policy: HostPolicy, port: number | undefined): Place {
  const own = port === undefined ? undefined : policy.ports?.get(port);
  if (own !== undefined) return { kind: 'site', host, publicKey: own, shared: false, byPort: true };
  if (policy.site === undefined) return { kind: 'shared', host };
  return { kind: 'site', host, publicKey: policy.site, shared: true };
}

function isHostValue(rawHeaders: readonly string[], index: number): boolean {
  return index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'host';
}

function refused(what: string): Place {
  return { kind: 'refused', reason: `refused ${what}` };
}

// JSON quoting also keeps escape sequences of the client's making out of the operator's terminal.
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 200)).replace(/[^ -~]/g, '?');
}
