/**
 * What of a request can decide its answer, as one text: two requests of the same text get the same
 * answer from the same generation. Only plain requests have one; all others take the long way.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Header fields that decide. */
const DECIDING = [
  'host',
  'accept',
  'accept-encoding',
  'connection',
  'if-modified-since',
  'if-none-match',
  'origin',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'x-forwarded-host',
  'x-forwarded-proto',
];

/** Header fields that every browser sends and nothing here is decided by. */
export const IDLE_FIELDS: readonly string[] = [
  'accept-language',
  'cache-control',
  'cookie',
  'dnt',
  'pragma',
  'priority',
  'referer',
  'save-data',
  'sec-ch-ua',
  'sec-ch-ua-mobile',
  'sec-ch-ua-platform',
  'sec-fetch-user',
  'sec-gpc',
  'upgrade-insecure-requests',
  'user-agent',
];

/** What a proxy adds. That it did may decide, together with which proxy it is; what it says of the client not. */
const FORWARDED: ReadonlySet<string> = new Set([
  ...spellings('x-forwarded-for'),
  ...spellings('x-real-ip'),
  ...spellings('via'),
]);

/** More header lines than a browser sends. */
const MOST_LINES = 32;
/** Longest target or value that is kept. */
const MOST_CHARACTERS = 512;

/** Which of those that decide a field is, by name as it is usually spelt; -1 for those that do not. */
const FIELDS: ReadonlyMap<string, number> = new Map([
  ...DECIDING.flatMap((name, at) => spellings(name).map((spelt) => [spelt, at] as const)),
  ...IDLE_FIELDS.flatMap((name) => spellings(name).map((spelt) => [spelt, -1] as const)),
]);

/** Where a connection has come in; the same for all of its requests. */
const places = new WeakMap<Socket, string>();

/**
 * Returns the text, or undefined for what is no plain GET or HEAD: a request with a body, with a field
 * we do not know, or one that something was decided about already.
 */
export function requestKey(request: IncomingMessage, response: ServerResponse): string | undefined {
  const { method, url = '', rawHeaders, socket } = request;
  if ((method !== 'GET' && method !== 'HEAD') || request.httpVersion !== '1.1') return undefined;
  if (rawHeaders.length > 2 * MOST_LINES || url.length > MOST_CHARACTERS) return undefined;
  // Such as Connection: close, where the server is about to end.
  if (response.getHeaderNames().length > 0) return undefined;
  let key = `${method} ${url} ${placeOf(socket)}`;
  // By field, not as they came: programs write them in any order.
  const values: (string | undefined)[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const value = rawHeaders[i + 1] ?? '';
    const at = FIELDS.get(name);
    if (value.length > MOST_CHARACTERS) return undefined;
    if (at === undefined) {
      if (!FORWARDED.has(name)) return undefined;
      key += ` ${name} ${socket.remoteAddress}`;
    } else if (at >= 0 && !isDefault(name, value)) {
      if (values[at] !== undefined) return undefined;
      values[at] = value;
    }
  }
  // No value has a line end in it, so none is read as another; one that is empty is not one that is missing.
  for (let at = 0; at < DECIDING.length; at += 1) {
    const value = values[at];
    key += value === undefined ? '\n' : `\n:${value}`;
  }
  return key;
}

/** Tells what of a connection can decide an answer, but for the address of a proxy. */
export function placeOf(socket: Socket): string {
  const known = places.get(socket);
  if (known !== undefined) return known;
  const isSecure = 'encrypted' in socket;
  const place = `${socket.localAddress} ${socket.localPort} ${isSecure}`;
  places.set(socket, place);
  return place;
}

/** Whether a proxy handed a request on: then the address it did that from can decide its answer. */
export function isForwarded({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.some((part) => FORWARDED.has(part));
}

/** HTTP/1.1 keeps a connection without being asked. */
function isDefault(name: string, value: string): boolean {
  return value === 'keep-alive' && (name === 'Connection' || name === 'connection');
}

/** `accept-encoding` as programs write it, and as browsers do. */
function spellings(name: string): string[] {
  const usual = name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
  const short = usual.replace(/\b(?:Dnt|Gpc|Ch|Ua|Ip)\b/g, (word) => word.toUpperCase());
  return [name, usual, short];
}
