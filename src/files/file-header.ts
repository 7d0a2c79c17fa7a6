/**
 * The header of a file value: the msgpack map `{enc: "gzip", time}` (R24). It comes from strangers, so it
 * is read token by token, without recursion and without building what is not asked for.
 */
import { DrayerError } from '../core/errors.ts';
import { MAX_INTEGER, type Micros } from '../core/record.ts';

/** Length of every header {@link encodeFileHeader} writes: the integer always takes its 64-bit form. */
export const FILE_HEADER_BYTES = 24;

const ascii = new TextEncoder();
const utf8 = new TextDecoder('utf-8', { fatal: true });
/** `82 a3 enc a4 gzip a4 time`, as the original writes it; its float64 follows, our u64. */
const PREFIX = Uint8Array.of(
  ...[0x82, 0xa3, ...ascii.encode('enc'), 0xa4, ...ascii.encode('gzip')],
  ...[0xa4, ...ascii.encode('time'), 0xcf],
);

/** Makes the header for a file of this modification time; a fraction is cut off, before 1970 becomes 0. */
export function encodeFileHeader(timeMicros: number): Uint8Array {
  const header = new Uint8Array(FILE_HEADER_BYTES);
  const time = Math.min(MAX_INTEGER, Math.max(0, Math.trunc(timeMicros)));
  header.set(PREFIX);
  new DataView(header.buffer).setBigUint64(PREFIX.length, BigInt(time));
  return header;
}

/**
 * Checks a header and returns its `time`, rounded. Unknown fields are ignored.
 *
 * @throws {DrayerError} FILE_RECORD_INVALID when it is not one map with `enc` "gzip" and a `time`
 */
export function decodeFileHeader(header: Uint8Array): Micros {
  const map = readToken(header, 0);
  if (map.kind !== 'map') throw invalid(`expected a map, got ${map.kind}`);
  const fields = new Map<string, Token>();
  let at = map.next;
  for (let field = 0; field < map.children / 2; field += 1) {
    const name = readToken(header, at);
    const value = readToken(header, name.next);
    if (name.kind !== 'text') throw invalid(`expected text as field name, got ${name.kind}`);
    if (fields.has(name.text)) throw invalid(`expected ${name.text} once`);
    fields.set(name.text, value);
    at = skip(header, value);
  }
  if (at !== header.length) throw invalid(`expected ${at} bytes, got ${header.length}`);
  checkEncoding(fields.get('enc'));
  return timeOf(fields.get('time'));
}

type Token = {
  readonly kind: 'map' | 'list' | 'text' | 'number' | 'other';
  /** Offset behind the token itself; its children begin there. */
  readonly next: number;
  readonly children: number;
  readonly text: string;
  readonly number: number;
};

function checkEncoding(token: Token | undefined): void {
  // A18: it would be copied into a response header, so nothing but this very word passes.
  if (token?.kind === 'text' && token.text === 'gzip') return;
  throw invalid(`expected enc to be "gzip", got ${describe(token)}`);
}

function timeOf(token: Token | undefined): Micros {
  const time = token?.kind === 'number' ? Math.round(token.number) : Number.NaN;
  if (Number.isSafeInteger(time) && time >= 0) return time;
  throw invalid(`expected time to be micros from 0 to 2^53-1, got ${describe(token)}`);
}

function describe(token: Token | undefined): string {
  if (token === undefined) return 'none';
  if (token.kind === 'text') return JSON.stringify(token.text);
  return token.kind === 'number' ? String(token.number) : token.kind;
}

// Every token takes at least one byte, so this ends with the header, whatever the lengths claim.
function skip(header: Uint8Array, token: Token): number {
  let at = token.next;
  for (let pending = token.children; pending > 0; pending -= 1) {
    const child = readToken(header, at);
    pending += child.children;
    at = child.next;
  }
  return at;
}

function readToken(header: Uint8Array, at: number): Token {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  try {
    const format = view.getUint8(at);
    if (format < 0x80) return scalar(at + 1, format);
    if (format < 0x90) return container('map', at + 1, (format & 15) * 2);
    if (format < 0xa0) return container('list', at + 1, format & 15);
    if (format < 0xc0) return text(header, at + 1, format & 31);
    if (format >= 0xe0) return scalar(at + 1, format - 256);
    return readLong(header, view, at, format);
  } catch (cause) {
    // DataView's complaint about the end; everything else is ours already.
    if (!(cause instanceof RangeError)) throw cause;
    throw invalid('expected more bytes', cause);
  }
}

// The formats c0 to df: their length or number follows in 1, 2, 4 or 8 bytes.
function readLong(header: Uint8Array, view: DataView, at: number, format: number): Token {
  const body = at + 1;
  if (format === 0xca) return scalar(body + 4, view.getFloat32(body));
  if (format === 0xcb) return scalar(body + 8, view.getFloat64(body));
  if (format >= 0xcc && format <= 0xd3) return readInteger(view, body, format);
  if (format >= 0xd4 && format <= 0xd8) return bytes(header, body, 1 + 2 ** (format - 0xd4));
  if (format >= 0xc0 && format <= 0xc3) return bytes(header, body, 0);

  const first = FIRST_OF_FAMILY.findLast((start) => start <= format) ?? 0xc4;
  // d9 and c4, c7 begin with one byte of length, dc and de with two.
  const width = 2 ** (format - first + (first >= 0xdc ? 1 : 0));
  const length = Number(readUnsigned(view, body, width));
  if (first === 0xc7) return bytes(header, body + width, length + 1);
  if (first === 0xdc) return container('list', body + width, length);
  if (first === 0xde) return container('map', body + width, length * 2);
  return text(header, body + width, length);
}

/** bin, ext, str, array, map. */
const FIRST_OF_FAMILY = [0xc4, 0xc7, 0xd9, 0xdc, 0xde];

function readInteger(view: DataView, body: number, format: number): Token {
  const width = 2 ** ((format - 0xcc) % 4);
  const unsigned = readUnsigned(view, body, width);
  const isSigned = format >= 0xd0;
  return scalar(body + width, Number(isSigned ? BigInt.asIntN(width * 8, unsigned) : unsigned));
}

function readUnsigned(view: DataView, at: number, width: number): bigint {
  if (width === 8) return view.getBigUint64(at);
  if (width === 4) return BigInt(view.getUint32(at));
  return BigInt(width === 2 ? view.getUint16(at) : view.getUint8(at));
}

function scalar(next: number, number: number): Token {
  return { kind: 'number', next, children: 0, text: '', number };
}

function container(kind: 'map' | 'list', next: number, children: number): Token {
  return { kind, next, children, text: '', number: 0 };
}

function bytes(header: Uint8Array, start: number, length: number): Token {
  if (start + length > header.length) throw invalid('expected more bytes');
  return { kind: 'other', next: start + length, children: 0, text: '', number: 0 };
}

// str, raw and bin alike; what is not UTF-8 is neither a field of ours nor "gzip".
function text(header: Uint8Array, start: number, length: number): Token {
  const token = bytes(header, start, length);
  try {
    return { ...token, kind: 'text', text: utf8.decode(header.subarray(start, token.next)) };
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    return token;
  }
}

function invalid(message: string, cause?: unknown): DrayerError {
  return new DrayerError('FILE_RECORD_INVALID', `file header: ${message}`, { cause });
}
