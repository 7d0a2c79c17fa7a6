/**
 * The request target (RFC 9112 §3.2) as it came over the wire: nothing is decoded, collapsed or
 * resolved here, so that what is looked up is what was asked for.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { parseStreamId } from '../core/stream-id.ts';

/** A request target taken apart. */
export type Target = {
  /** Still percent-encoded, begins with `/`, without the query; or `*`, the server itself. */
  readonly path: string;
  /** From the `?` on, as it came; empty without one. */
  readonly search: string;
  /** Host and port of an absolute-form target, as a request to a proxy has it. */
  readonly authority?: string | undefined;
};

/**
 * Takes a request target apart.
 *
 * @param url - `request.url` of node:http
 * @throws {DrayerError} PATH_INVALID when it is neither a path nor an http URL
 */
export function parseTarget(url: string): Target {
  // Asterisk-form (RFC 9112 §3.2.4): the server itself, for OPTIONS alone.
  if (url === '*') return { path: url, search: '' };
  if (url.startsWith('/')) return splitQuery(url);
  const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(url);
  if (absolute === null)
    throw new DrayerError('PATH_INVALID', 'expected a path that begins with /');
  const rest = absolute[2] ?? '';
  return { ...splitQuery(rest.startsWith('/') ? rest : `/${rest}`), authority: absolute[1] };
}

function splitQuery(target: string): Target {
  if (target.includes('#')) throw new DrayerError('PATH_INVALID', 'expected a path without #');
  const mark = target.indexOf('?');
  if (mark === -1) return { path: target, search: '' };
  return { path: target.slice(0, mark), search: target.slice(mark) };
}

/** The key that the first segment of a path spells, in whatever way. */
export function keyInPath(path: string): Uint8Array | undefined {
  try {
    return parseStreamId(path.split('/', 2)[1] ?? '');
  } catch (error) {
    if (isDrayerError(error, 'STREAM_ID_INVALID')) return undefined;
    throw error;
  }
}
