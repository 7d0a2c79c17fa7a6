/**
 * Answers given below the app: to what is no HTTP, and where there is no room for a request. They have
 * no body, so that a page that got here by a name of its own reads nothing, and the headers of all others.
 */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** Seconds after which a client may try again where there was no room. */
const RETRY_AFTER = '5';

const HEADERS: readonly (readonly [string, string])[] = [
  ['X-Content-Type-Options', 'nosniff'],
  ['Referrer-Policy', 'same-origin'],
  ['Cache-Control', 'no-cache'],
  ['Content-Security-Policy', "default-src 'none'; sandbox"],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['X-Frame-Options', 'DENY'],
  ['Connection', 'close'],
  ['Content-Length', '0'],
];

/** Reason phrases of the statuses that are sent so. */
const PHRASES = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Content Too Large',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
} as const;

/** A status that {@link sayBare} knows. */
export type BareStatus = keyof typeof PHRASES;

/** Answers a request that no more is done about: 503 where there is no room now, 417. */
export function answerBare(response: ServerResponse, status: 503 | 417): void {
  response.statusCode = status;
  for (const [name, value] of HEADERS) response.setHeader(name, value);
  if (status === 503) response.setHeader('Retry-After', RETRY_AFTER);
  response.end();
}

/** Writes an answer to what the parser gave up on, and ends the connection. */
export function sayBare(socket: Duplex, status: BareStatus): void {
  const date = ['Date', new Date().toUTCString()] as const;
  const lines = [date, ...HEADERS].map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${PHRASES[status]}\r\n${lines.join('')}\r\n`, () => {
    socket.destroy();
  });
}

/** The status for an error of node's parser. RFC 9112 §2.2, RFC 6585 §5, RFC 9110 §15.5.9. */
export function statusOfParserError(error: Error & { readonly code?: string }): BareStatus {
  if (error.code === 'HPE_HEADER_OVERFLOW') return 431;
  if (error.code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return 413;
  return error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
}
