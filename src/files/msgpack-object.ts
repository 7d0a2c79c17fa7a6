/**
 * Objects to msgpack and back, for records of type `obj` (R26). msgpackr writes. Reading is ours: objects
 * come from strangers, decoders that believe an announced length can be made to take gigabytes by 25 KB
 * of nested arrays, and here nothing is made before its bytes have been seen.
 */
import { createRequire } from 'node:module';
import type { Packr } from 'msgpackr';
import { DrayerError } from '../core/errors.ts';
import { decodeUtf8 } from '../core/utf8.ts';

/** Deepest nesting of an object, its own level included. */
export const MAX_OBJECT_DEPTH = 100;

/**
 * Encodes an object: what JSON can say, `Uint8Array`, and bigint up to 64 bits. A property that is
 * undefined is left out, as JSON does.
 *
 * @throws {DrayerError} USAGE when it contains what would come back as something else
 */
export function encodeMsgpack(object: unknown): Uint8Array {
  // Loaded when first needed: publishing and serving a site never write an object.
  packr ??= makePackr();
  return Uint8Array.from(packr.pack(checkObject(object, 0)));
}

/**
 * Decodes exactly one object. Byte strings come as `Uint8Array`, and so does text that is not UTF-8;
 * integers beyond 2^53−1 as bigint. Names in maps are text or numbers.
 *
 * @throws {DrayerError} MALFORMED when it is incomplete, nested too deep, of an extension type, or
 *   followed by something
 */
export function decodeMsgpack(bytes: Uint8Array): unknown {
  const source = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at: 0 };
  const object = readObject(source, 0);
  if (source.at === bytes.length) return object;
  throw malformed(`expected ${source.at} bytes, got ${bytes.length}`);
}

let packr: Packr | undefined;

// Plain maps and no extensions: any msgpack reader must be able to read it.
function makePackr(): Packr {
  const require = createRequire(import.meta.url);
  const msgpackr = require('msgpackr') as typeof import('msgpackr');
  return new msgpackr.Packr({ useRecords: false, variableMapSize: true, moreTypes: false });
}

/** Returns the object as msgpackr is to write it. */
function checkObject(object: unknown, depth: number): unknown {
  if (depth > MAX_OBJECT_DEPTH) throw usage(`at most ${MAX_OBJECT_DEPTH} levels`, 'more');
  if (object === null || typeof object === 'boolean') return object;
  if (typeof object === 'number') return checkNumber(object);
  if (typeof object === 'bigint') return checkBigint(object);
  if (typeof object === 'string') return wellFormed(object);
  if (object instanceof Uint8Array) return object;
  if (Array.isArray(object)) return object.map((item) => checkObject(item, depth + 1));
  if (!isPlainObject(object)) throw usage('what msgpack can express', nameOf(object));
  const entries = Object.entries(object).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries.map(([name, item]) => [wellFormed(name), checkObject(item, depth + 1)]),
  );
}

// msgpackr writes whole numbers beyond 32 bits as floats, which original peers refuse.
function checkNumber(number: number): number | bigint {
  const isWide = Number.isSafeInteger(number) && (number > 0xffff_ffff || number < -0x8000_0000);
  return isWide ? BigInt(number) : number;
}

function checkBigint(number: bigint): number | bigint {
  if (number !== BigInt.asIntN(64, number) && number !== BigInt.asUintN(64, number)) {
    throw usage('at most 64 bits', `${number}`);
  }
  return Number.isSafeInteger(Number(number)) ? checkNumber(Number(number)) : number;
}

function wellFormed(text: string): string {
  if (text.isWellFormed()) return text;
  throw usage('valid Unicode', JSON.stringify(text));
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

type Source = { readonly bytes: Uint8Array; readonly view: DataView; at: number };

function readObject(source: Source, depth: number): unknown {
  if (depth > MAX_OBJECT_DEPTH) throw malformed(`expected at most ${MAX_OBJECT_DEPTH} levels`);
  const tag = readUnsigned(source, 1);
  if (tag < 0x80) return tag;
  if (tag < 0x90) return readMap(source, tag & 15, depth);
  if (tag < 0xa0) return readList(source, tag & 15, depth);
  if (tag < 0xc0) return readText(source, tag & 31);
  if (tag >= 0xe0) return tag - 256;
  const read = READERS[tag];
  if (read === undefined) throw malformed(`expected no msgpack tag 0x${tag.toString(16)}`);
  return read(source, depth);
}

/** By tag; the unused c1 and the extension types are not there. */
const READERS: Readonly<Record<number, (source: Source, depth: number) => unknown>> = {
  192: () => null,
  194: () => false,
  195: () => true,
  196: (source) => readBytes(source, readUnsigned(source, 1)),
  197: (source) => readBytes(source, readUnsigned(source, 2)),
  198: (source) => readBytes(source, readUnsigned(source, 4)),
  202: (source) => source.view.getFloat32(take(source, 4)),
  203: (source) => source.view.getFloat64(take(source, 8)),
  204: (source) => readUnsigned(source, 1),
  205: (source) => readUnsigned(source, 2),
  206: (source) => readUnsigned(source, 4),
  207: (source) => safeNumber(source.view.getBigUint64(take(source, 8))),
  208: (source) => source.view.getInt8(take(source, 1)),
  209: (source) => source.view.getInt16(take(source, 2)),
  210: (source) => source.view.getInt32(take(source, 4)),
  211: (source) => safeNumber(source.view.getBigInt64(take(source, 8))),
  217: (source) => readText(source, readUnsigned(source, 1)),
  218: (source) => readText(source, readUnsigned(source, 2)),
  219: (source) => readText(source, readUnsigned(source, 4)),
  220: (source, depth) => readList(source, readUnsigned(source, 2), depth),
  221: (source, depth) => readList(source, readUnsigned(source, 4), depth),
  222: (source, depth) => readMap(source, readUnsigned(source, 2), depth),
  223: (source, depth) => readMap(source, readUnsigned(source, 4), depth),
};

// Grows item by item, each of which takes a byte at least: an announced length alone costs nothing.
function readList(source: Source, length: number, depth: number): unknown[] {
  const list: unknown[] = [];
  for (let index = 0; index < length; index += 1) list.push(readObject(source, depth + 1));
  return list;
}

// fromEntries defines properties: `__proto__` is a name like any other.
function readMap(source: Source, length: number, depth: number): object {
  const entries: [string, unknown][] = [];
  for (let index = 0; index < length; index += 1) {
    const name = readObject(source, depth + 1);
    if (typeof name !== 'string' && typeof name !== 'number') {
      throw malformed(`expected text or a number as name, got ${nameOf(name)}`);
    }
    entries.push([String(name), readObject(source, depth + 1)]);
  }
  return Object.fromEntries(entries);
}

function readText(source: Source, length: number): string | Uint8Array {
  const bytes = readBytes(source, length);
  try {
    return decodeUtf8(bytes);
  } catch (cause) {
    // Old msgpack has one type for text and bytes.
    if (!(cause instanceof DrayerError)) throw cause;
    return bytes;
  }
}

function readBytes(source: Source, length: number): Uint8Array {
  const start = take(source, length);
  // A copy, and no Buffer: what is returned must not hold or change the value it came from.
  return Uint8Array.from(source.bytes.subarray(start, start + length));
}

function readUnsigned(source: Source, width: 1 | 2 | 4): number {
  const at = take(source, width);
  if (width === 1) return source.view.getUint8(at);
  return width === 2 ? source.view.getUint16(at) : source.view.getUint32(at);
}

/** Moves past `length` bytes; returns where they begin. */
function take(source: Source, length: number): number {
  const start = source.at;
  if (start + length > source.bytes.length) throw malformed('expected more bytes');
  source.at = start + length;
  return start;
}

function safeNumber(number: bigint): number | bigint {
  const small = Number(number);
  return Number.isSafeInteger(small) ? small : number;
}

function nameOf(value: unknown): string {
  if (typeof value !== 'object') return typeof value;
  return value?.constructor?.name ?? 'null';
}

function malformed(message: string): DrayerError {
  return new DrayerError('MALFORMED', `msgpack object: ${message}`);
}

function usage(expected: string, got: string): DrayerError {
  return new DrayerError('USAGE', `object to encode: expected ${expected}, got ${got}`);
}
