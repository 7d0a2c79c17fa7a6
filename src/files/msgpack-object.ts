/**
 * Objects to msgpack and back, for records of type `obj` (R26). They come from strangers, and decoders
 * that believe an announced length can be made to take gigabytes by 25 KB of nested arrays: here nothing
 * is made before its bytes have been seen.
 */
import { DrayerError } from '../core/errors.ts';
import { MsgpackWriter } from '../core/msgpack-writer.ts';
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
  const writer = new MsgpackWriter();
  writeObject(writer, object, 0);
  return writer.finish().slice();
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

function writeObject(writer: MsgpackWriter, object: unknown, depth: number): void {
  if (depth > MAX_OBJECT_DEPTH) throw usage(`at most ${MAX_OBJECT_DEPTH} levels`, 'more');
  if (object === null) writer.raw(Uint8Array.of(0xc0));
  else if (typeof object === 'boolean') writer.raw(Uint8Array.of(object ? 0xc3 : 0xc2));
  else if (typeof object === 'number') writeNumber(writer, object);
  else if (typeof object === 'bigint') writeBigint(writer, object);
  else if (typeof object === 'string') writer.str(wellFormed(object));
  else if (object instanceof Uint8Array) writer.bin(object);
  else if (Array.isArray(object)) writeList(writer, object, depth);
  else if (isPlainObject(object)) writeMap(writer, object, depth);
  else throw usage('what msgpack can express', nameOf(object));
}

function writeList(writer: MsgpackWriter, list: readonly unknown[], depth: number): void {
  writer.array(list.length);
  for (const item of list) writeObject(writer, item, depth + 1);
}

function writeMap(writer: MsgpackWriter, map: object, depth: number): void {
  const entries = Object.entries(map).filter(([, item]) => item !== undefined);
  writer.map(entries.length);
  for (const [name, item] of entries) {
    writer.str(wellFormed(name));
    writeObject(writer, item, depth + 1);
  }
}

function writeNumber(writer: MsgpackWriter, number: number): void {
  if (Number.isSafeInteger(number) && !Object.is(number, -0)) {
    writer.int(number);
    return;
  }
  const bytes = new DataView(new ArrayBuffer(9));
  bytes.setUint8(0, 0xcb);
  bytes.setFloat64(1, number);
  writer.raw(new Uint8Array(bytes.buffer));
}

function writeBigint(writer: MsgpackWriter, number: bigint): void {
  const isSigned = number === BigInt.asIntN(64, number);
  if (!isSigned && number !== BigInt.asUintN(64, number))
    throw usage('at most 64 bits', `${number}`);
  if (Number.isSafeInteger(Number(number))) {
    writer.int(Number(number));
    return;
  }
  const bytes = new DataView(new ArrayBuffer(9));
  bytes.setUint8(0, number < 0n ? 0xd3 : 0xcf);
  bytes.setBigUint64(1, BigInt.asUintN(64, number));
  writer.raw(new Uint8Array(bytes.buffer));
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
