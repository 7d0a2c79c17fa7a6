/**
 * What a person types to name a peer: where to dial, and which stream if the text says so.
 * Understands our server's addresses, a site's own origin, the browser's address bar and drayer:// links.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { parseStreamId } from '../core/stream-id.ts';
import { isStreamLink, parseStreamLink } from '../files/stream-link.ts';

/** A place to dial, as {@link parsePeerUrl} read it. */
export type PeerUrl = {
  /** What was typed, for messages. */
  readonly text: string;
  /** Origin, and the part of the path before the stream's key; no trailing slash. */
  readonly base: string;
  /** Scheme, host and port alone. */
  readonly origin: string;
  /** The stream's key where the text names one. */
  readonly publicKey?: Uint8Array | undefined;
  /** The host belongs to one stream, so its operations stand below `/.well-known/drayer`. */
  readonly site: boolean;
};

/**
 * Reads a peer's address: `http://host:port`, `…/mount`, `…/<key>`, `…/<key>/webAccess/page.html`,
 * `http://<base32>.localhost:port/page.html`, `drayer://<key>?from=<URL>`, or `host:port`.
 *
 * @throws {DrayerError} USAGE when the text is none of these
 * @throws {DrayerError} STREAM_ID_INVALID when a drayer:// link holds no stream id
 */
export function parsePeerUrl(text: string): PeerUrl {
  const trimmed = text.trim();
  if (isStreamLink(trimmed)) return firstOf(trimmed, parseLink(trimmed));

  const url = parseHttp(trimmed);
  const label = url.hostname.endsWith('.localhost') ? url.hostname.slice(0, -10) : '';
  const named = findKey(label);
  if (named !== undefined) {
    return { text: trimmed, base: url.origin, origin: url.origin, publicKey: named, site: true };
  }
  const segments = url.pathname.split('/').filter((segment) => segment !== '');
  const at = segments.findIndex((segment) => findKey(segment) !== undefined);
  const mount = at < 0 ? segments : segments.slice(0, at);
  return {
    text: trimmed,
    base: [url.origin, ...mount].join('/'),
    origin: url.origin,
    publicKey: at < 0 ? undefined : findKey(segments[at] ?? ''),
    site: false,
  };
}

/**
 * Reads an address as {@link parsePeerUrl} does; of a link all servers that it names.
 *
 * @throws {DrayerError} what {@link parsePeerUrl} throws
 */
export function parsePeerUrls(text: string): readonly PeerUrl[] {
  const peer = parsePeerUrl(text);
  return isStreamLink(text) ? parseLink(text.trim()) : [peer];
}

function parseLink(text: string): readonly PeerUrl[] {
  const { publicKey, from } = parseStreamLink(text);
  return from.map((url, index) => {
    const peer = parsePeerUrl(url);
    if (peer.publicKey === undefined || bytesEqual(peer.publicKey, publicKey)) {
      return { ...peer, text: url, publicKey };
    }
    throw new DrayerError('USAGE', `not a drayer link: from[${index}] is of another stream`);
  });
}

function firstOf(text: string, [peer]: readonly PeerUrl[]): PeerUrl {
  if (peer !== undefined) return peer;
  throw new DrayerError('USAGE', `${text}: names a stream, but not where to get it`, {
    hint: 'add ?from=http://host:port to the link, or give the URL of a server that has it',
  });
}

function parseHttp(text: string): URL {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    throw notAnAddress(text, `expected http or https, got ${scheme}`);
  }
  let url: URL;
  try {
    url = new URL(scheme === undefined ? `http://${text}` : text);
  } catch (cause) {
    throw notAnAddress(text.replace(/\/\/[^/]*@/, '//'), 'not a URL', cause);
  }
  // A name and password would be sent to the peer and printed in messages; no peer asks for them.
  if (url.username !== '' || url.password !== '') {
    throw notAnAddress(`${url.protocol}//${url.host}`, 'a user name in a URL is not supported');
  }
  return url;
}

function notAnAddress(text: string, why: string, cause?: unknown): DrayerError {
  return new DrayerError('USAGE', `${text}: ${why}`, {
    cause,
    hint: 'an address looks like http://192.168.1.20:33125 or http://192.168.1.20:33125/<stream id>',
  });
}

/** The key in a path segment or host label; a segment too short to be one is an ordinary name. */
function findKey(segment: string): Uint8Array | undefined {
  if (segment.length < 43) return undefined;
  try {
    return parseStreamId(segment);
  } catch (error) {
    if (isDrayerError(error, 'STREAM_ID_INVALID')) return undefined;
    throw error;
  }
}
