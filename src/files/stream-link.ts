/**
 * `drayer://KEY/path?name=…&from=URL&from=URL`: a stream, a file of it, and where it can be had, in one
 * text to print and to pass on. Anybody can write one, so nothing is guessed: what is not a whole link is
 * refused with what is wrong with it. Only the key counts for what is believed; `from` is where to ask.
 */
import { DrayerError } from '../core/errors.ts';
import { formatStreamId, parseStreamUrl } from '../core/stream-id.ts';

/** A link, as {@link parseStreamLink} read it. */
export type StreamLink = {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Path of a file in the site, decoded, without the first slash; empty for the site itself. */
  readonly path: string;
  /** What whoever made the link calls it; nothing that a key has signed. */
  readonly name: string | undefined;
  /** `http` or `https` addresses of servers, with a slash at their end; at most 8. */
  readonly from: readonly string[];
};

/** Most characters of a link. */
export const MOST_LINK = 2_048;
/** Most servers a link may name. */
export const MOST_FROM = 8;
/** Most characters of a name. */
export const MOST_NAME = 100;

/** What a terminal, a log or a page could be led astray by: control characters, and those that turn text around. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]|(?![\u200c\u200d])\p{Cf}/u;

/** As people say it: `192.168.1.20:33125`. */
const HOST_AND_PORT = /^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\]):\d{1,5}$/i;

/** Tells whether a text is meant as a link. */
export function isStreamLink(text: string): boolean {
  return /^\s*drayer:/i.test(text);
}

/**
 * Reads a link. Parameters that are not known are passed over, so that links may say more one day.
 *
 * @param text - at most 2,048 characters; space around it and a fragment are taken off
 * @throws {DrayerError} USAGE saying what is wrong with it; STREAM_ID_INVALID when it has no key
 * @example
 * const { publicKey, from } = parseStreamLink('drayer://KEY?name=Quinces&from=http://192.0.2.7:33125/');
 */
export function parseStreamLink(text: string): StreamLink {
  const link = text.trim();
  if (link.length > MOST_LINK) {
    throw unfit(`expected at most ${MOST_LINK} characters, got ${link.length}`);
  }
  if (UNSEEN.test(link) || /[\s\\]/.test(link)) {
    throw unfit('expected no spaces, backslashes and control characters');
  }
  if (!/^drayer:\/\//i.test(link)) throw unfit('expected drayer:// at its beginning');
  if (/%(?![0-9a-f]{2})/i.test(link)) throw unfit('its percent-encoding is broken');
  const [whole = ''] = link.split('#', 1);
  const at = whole.indexOf('?');
  const { publicKey, path } = keyAndPath(at < 0 ? whole : whole.slice(0, at));
  const query = new URLSearchParams(at < 0 ? '' : whole.slice(at + 1));
  return { publicKey, path, name: nameOf(query), from: serversOf(query) };
}

/**
 * Writes a link.
 *
 * @throws {DrayerError} USAGE when it could not be read again
 */
export function formatStreamLink({
  publicKey,
  path = '',
  name,
  from = [],
}: Pick<StreamLink, 'publicKey'> & Partial<StreamLink>): string {
  const key = formatStreamId(publicKey, 'base64url');
  const file = path.split('/').map(encodeURIComponent).join('/');
  const called = name === undefined ? [] : [`name=${encodeURIComponent(name)}`];
  const servers = from.map((url) => `from=${plainly(url)}`);
  const query = [...called, ...servers].join('&');
  const link = `drayer://${key}/${file}${query === '' ? '' : `?${query}`}`;
  parseStreamLink(link);
  return link;
}

function keyAndPath(text: string): { publicKey: Uint8Array; path: string } {
  const { publicKey, path } = parseStreamUrl(text);
  if (UNSEEN.test(path) || path.includes('\\') || path.includes('\uFFFD')) {
    throw unfit('expected a path in UTF-8, without control characters and backslashes');
  }
  if (path.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw unfit('expected no . or .. in its path');
  }
  return { publicKey, path };
}

function nameOf(query: URLSearchParams): string | undefined {
  const names = query.getAll('name');
  const [name] = names;
  if (names.length > 1) throw unfit(`expected one name, got ${names.length}`);
  if (name === undefined || name.trim() === '') return undefined;
  if (name.length > MOST_NAME) {
    throw unfit(`expected a name of at most ${MOST_NAME} characters, got ${name.length}`);
  }
  if (UNSEEN.test(name) || name.includes('\uFFFD')) {
    throw unfit('expected a name in UTF-8, without control characters');
  }
  return name.trim();
}

function serversOf(query: URLSearchParams): string[] {
  const texts = query.getAll('from');
  if (texts.length > MOST_FROM) {
    throw unfit(`expected at most ${MOST_FROM} addresses after from=, got ${texts.length}`);
  }
  return [...new Set(texts.map((text, index) => serverOf(text, `from[${index}]`)))];
}

// What is wrong is told without the address: it may hold a password, or what nobody should see printed.
function serverOf(text: string, where: string): string {
  if (UNSEEN.test(text) || /[\s\\\uFFFD]/.test(text)) {
    throw unfit(`${where}: expected an address without spaces and control characters`);
  }
  const whole = HOST_AND_PORT.test(text) ? `http://${text}` : text;
  if (!/^https?:\/\/[^/]/i.test(whole) || !URL.canParse(whole)) {
    throw unfit(`${where}: expected an address that begins with http:// or https://`);
  }
  const url = new URL(whole);
  if (url.username !== '' || url.password !== '' || /^https?:\/\/[^/?]*@/i.test(text)) {
    throw unfit(`${where}: expected no user name and password`);
  }
  if (/[?#]/.test(text)) throw unfit(`${where}: expected no query and no fragment`);
  return url.pathname.endsWith('/') ? url.href : `${url.href}/`;
}

/** Encoded as far as it has to be: people read it. */
function plainly(url: string): string {
  return encodeURIComponent(url).replace(/%(?:3A|2F|5B|5D)/g, decodeURIComponent);
}

function unfit(what: string): DrayerError {
  return new DrayerError('USAGE', `not a drayer link: ${what}`, {
    hint: 'a link looks like drayer://KEY?name=TEXT&from=http://192.168.1.20:33125/; ask for it again where you have it from',
  });
}
