/**
 * The MessagePack reader for what strangers send. It takes one item at a time and
 * builds nothing: no recursion, no allocation by an announced length, no extension types, no
 * floats where an integer belongs, and str, raw and bin alike as bytes (the original writes raw
 * for both). What to do with the items is the caller's.
 */
import { DrayerError } from './errors.ts';
import { decodeUtf8 } from './utf8.ts';

/** Most fields a map may have, known and unknown together. */
export const MAX_FIELDS = 32;
/** Deepest nesting of containers; a page, a record in it and a container in that make three. */
export const MAX_DEPTH = 3;
/** Most items inside one skipped value; bounds the work that an unknown field can cause. */
export const MAX_SKIPPED_ITEMS = 1024;

const HIGH = 0x1_0000_0000;

/** Reads MessagePack from a buffer, one item after another. Every byte is a stranger's. */
export class MsgpackReader {
  /** Where the next item begins; may be set back to an earlier item. */
  offset: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** @param bytes - never copied: what {@link bytes} returns are views of it */
  constructor(bytes: Uint8Array, offset = 0) {
    this.offset = offset;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Reads the header of a map and returns its number of fields, at most {@link MAX_FIELDS}. */
  map(): number {
    const tag = this.#unsigned(1);
    if (tag >= 0x80 && tag <= 0x8f) return tag & 0x0f;
    if (tag !== 0xde && tag !== 0xdf) throw unexpected('a map', tag);
    const size = this.#unsigned(tag === 0xde ? 2 : 4);
    if (size <= MAX_FIELDS) return size;
    throw new DrayerError('MALFORMED', `expected at most ${MAX_FIELDS} fields, got ${size}`);
  }

  /** Reads the header of an array and returns its number of items; up to 2^32−1 may be announced. */
  array(): number {
    const tag = this.#unsigned(1);
    if (tag >= 0x90 && tag <= 0x9f) return tag & 0x0f;
    if (tag !== 0xdc && tag !== 0xdd) throw unexpected('an array', tag);
    return this.#unsigned(tag === 0xdc ? 2 : 4);
  }

  /** Reads str, raw or bin and returns its bytes, a view of the buffer. */
  bytes(): Uint8Array {
    const length = this.#bytesHeader();
    if (length > this.#bytes.length - this.offset) throw truncated();
    this.offset += length;
    return this.#bytes.subarray(this.offset - length, this.offset);
  }

  /** Reads str, raw or bin as text; refuses what is not valid UTF-8. */
  text(): string {
    return decodeUtf8(this.bytes());
  }

  /**
   * Reads the name of a field and returns its place in `names`, −1 for any other name.
   *
   * @param names - their UTF-8 bytes
   * @param expected - the place that is tried first
   */
  name(names: readonly Uint8Array[], expected: number): number {
    const length = this.#bytesHeader();
    if (length > this.#bytes.length - this.offset) throw truncated();
    const start = this.offset;
    this.offset += length;
    if (this.#isAt(start, length, names[expected])) return expected;
    return names.findIndex((name) => this.#isAt(start, length, name));
  }

  /** Reads an integer of any width and signedness; refuses floats and what is not a safe integer. */
  int(): number {
    const tag = this.#unsigned(1);
    if (tag <= 0x7f) return tag;
    if (tag >= 0xe0) return tag - 0x100;
    if (tag < 0xcc || tag > 0xd3) throw unexpected('an integer', tag);
    const value = this.#integer(tag);
    if (Number.isSafeInteger(value)) return value;
    throw new DrayerError('MALFORMED', `expected an integer within ±(2^53−1), got ${value}`);
  }

  /** Reads nil if it comes next, and tells whether it did. */
  nil(): boolean {
    if (this.#bytes[this.offset] !== 0xc0) return false;
    this.offset += 1;
    return true;
  }

  /** Tells whether str, raw or bin comes next. */
  isBytesNext(): boolean {
    const tag = this.#bytes[this.offset] ?? 0;
    return (tag >= 0xa0 && tag <= 0xbf) || BYTES_WIDTH.has(tag);
  }

  /** Returns how long the str, raw or bin that comes next says it is; 0 where that is not known. */
  announcedBytes(): number {
    const tag = this.#bytes[this.offset] ?? 0;
    if (tag >= 0xa0 && tag <= 0xbf) return tag & 0x1f;
    const width = BYTES_WIDTH.get(tag);
    if (width === undefined || this.offset + 1 + width > this.#bytes.length) return 0;
    return this.#unsignedAt(this.offset + 1, width);
  }

  /** Moves past the next value, whatever it is; `levels` as in {@link valueEnd}. */
  skip(levels: number): void {
    const end = this.valueEnd(levels);
    if (end > this.#bytes.length) throw truncated();
    this.offset = end;
  }

  /** Refuses bytes after the last item. */
  end(): void {
    const rest = this.#bytes.length - this.offset;
    if (rest !== 0) throw new DrayerError('MALFORMED', `expected the end, got ${rest} more bytes`);
  }

  /** As {@link valueEnd}, but of a container only the header counts. */
  itemEnd(): number {
    const tag = this.#bytes[this.offset];
    return tag === undefined ? this.offset + 1 : this.#itemEnd(this.offset, tag);
  }

  /**
   * Returns where the next value ends, containers included, without moving. A result beyond the
   * buffer says how far the buffer must at least reach before it makes sense to ask again.
   *
   * @param levels - how many containers may lie within each other; 0 allows scalars only
   * @throws {DrayerError} MALFORMED when it is nested deeper, has more than
   *   {@link MAX_SKIPPED_ITEMS} items or is of an extension type
   */
  valueEnd(levels: number): number {
    // How many items are still to come in each container that is open; a list instead of recursion.
    const open: number[] = [];
    let at = this.offset;
    let items = 0;
    do {
      if (at >= this.#bytes.length) return at + 1;
      const tag = this.#view.getUint8(at);
      const children = this.#childrenAt(at, tag);
      if (children !== SCALAR && open.length >= levels) throw tooDeep();
      items += Math.max(0, children);
      if (items > MAX_SKIPPED_ITEMS) throw tooMany();
      at = this.#itemEnd(at, tag);
      if (at > this.#bytes.length) return at;
      closeItem(open, children);
    } while (open.length > 0);
    return at;
  }

  #isAt(start: number, length: number, name: Uint8Array | undefined): boolean {
    if (name?.length !== length) return false;
    for (let i = 0; i < length; i += 1) if (this.#bytes[start + i] !== name[i]) return false;
    return true;
  }

  /** Number of values inside the container at `at`; {@link SCALAR} for anything else. */
  #childrenAt(at: number, tag: number): number {
    if (tag >= 0x80 && tag <= 0x8f) return (tag & 0x0f) * 2;
    if (tag >= 0x90 && tag <= 0x9f) return tag & 0x0f;
    if (tag < 0xdc || tag > 0xdf) return SCALAR;
    const width = tag === 0xdc || tag === 0xde ? 2 : 4;
    // Incomplete: whoever asks finds that out from the item's end.
    if (at + 1 + width > this.#bytes.length) return 0;
    const size = width === 2 ? this.#view.getUint16(at + 1) : this.#view.getUint32(at + 1);
    return tag >= 0xde ? size * 2 : size;
  }

  /** Where a scalar, or the header of a container, ends. */
  #itemEnd(at: number, tag: number): number {
    if (tag < 0xa0 || tag >= 0xe0) return at + 1;
    if (tag <= 0xbf) return at + 1 + (tag & 0x1f);
    const width = BYTES_WIDTH.get(tag);
    if (width === undefined) return at + 1 + fixedWidth(tag);
    const start = at + 1 + width;
    if (start > this.#bytes.length) return start;
    return start + this.#unsignedAt(at + 1, width);
  }

  #bytesHeader(): number {
    const tag = this.#unsigned(1);
    if (tag >= 0xa0 && tag <= 0xbf) return tag & 0x1f;
    const width = BYTES_WIDTH.get(tag);
    if (width === undefined) throw unexpected('bytes', tag);
    return this.#unsigned(width);
  }

  #integer(tag: number): number {
    const width = 1 << (tag & 3);
    if (tag <= 0xcf) return this.#unsigned(width);
    if (width === 8) return this.#signedHigh() * HIGH + this.#unsigned(4);
    const value = this.#unsigned(width);
    const sign = 2 ** (8 * width - 1);
    return value < sign ? value : value - 2 * sign;
  }

  #signedHigh(): number {
    const value = this.#unsigned(4);
    return value < HIGH / 2 ? value : value - HIGH;
  }

  #unsigned(width: number): number {
    const at = this.offset;
    if (at + width > this.#bytes.length) throw truncated();
    this.offset = at + width;
    return this.#unsignedAt(at, width);
  }

  #unsignedAt(at: number, width: number): number {
    if (width === 1) return this.#view.getUint8(at);
    if (width === 2) return this.#view.getUint16(at);
    if (width === 4) return this.#view.getUint32(at);
    return this.#view.getUint32(at) * HIGH + this.#view.getUint32(at + 4);
  }
}

const SCALAR = -1;

/** Bytes of the length that follows each tag of str, raw and bin. */
const BYTES_WIDTH: ReadonlyMap<number, number> = new Map([
  [0xc4, 1],
  [0xc5, 2],
  [0xc6, 4],
  [0xd9, 1],
  [0xda, 2],
  [0xdb, 4],
]);

/** Bytes after the tag of nil, booleans, floats, integers and container headers. */
const FIXED_WIDTH: ReadonlyMap<number, number> = new Map([
  [0xc0, 0],
  [0xc2, 0],
  [0xc3, 0],
  [0xca, 4],
  [0xcb, 8],
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4],
  [0xcf, 8],
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4],
  [0xd3, 8],
  [0xdc, 2],
  [0xdd, 4],
  [0xde, 2],
  [0xdf, 4],
]);

function fixedWidth(tag: number): number {
  const width = FIXED_WIDTH.get(tag);
  if (width === undefined) throw unexpected('no extension type', tag);
  return width;
}

// One item was taken: it counts in the container around it, and may itself be a container.
function closeItem(open: number[], children: number): void {
  const around = open.pop();
  if (around !== undefined) open.push(around - 1);
  if (children > 0) open.push(children);
  while (open.at(-1) === 0) open.pop();
}

function unexpected(what: string, tag: number): DrayerError {
  return new DrayerError('MALFORMED', `expected ${what}, got msgpack tag 0x${tag.toString(16)}`);
}

function truncated(): DrayerError {
  return new DrayerError('MALFORMED', 'expected more bytes: the message is cut off');
}

function tooDeep(): DrayerError {
  return new DrayerError('MALFORMED', `expected at most ${MAX_DEPTH} levels of nesting`);
}

function tooMany(): DrayerError {
  return new DrayerError('MALFORMED', `expected at most ${MAX_SKIPPED_ITEMS} items in one value`);
}
