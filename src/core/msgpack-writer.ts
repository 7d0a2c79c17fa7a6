/**
 * The MessagePack writer: modern str and bin, integers as short as possible and never as floats
 * (originals refuse those). Reading is msgpack-reader.ts.
 */
import { DrayerError } from './errors.ts';
import { encodeUtf8 } from './utf8.ts';

const HIGH = 0x1_0000_0000;

/** How a length is written; the tag for 32 bits follows that for 16. */
type Form = {
  readonly fix: number;
  readonly fixBelow: number;
  /** 0 where there is none. */
  readonly tag8: number;
  readonly tag16: number;
};

const MAP: Form = { fix: 0x80, fixBelow: 16, tag8: 0, tag16: 0xde };
const ARRAY: Form = { fix: 0x90, fixBelow: 16, tag8: 0, tag16: 0xdc };
const STR: Form = { fix: 0xa0, fixBelow: 32, tag8: 0xd9, tag16: 0xda };
const BIN: Form = { fix: 0, fixBelow: 0, tag8: 0xc4, tag16: 0xc5 };

/** Writes one MessagePack value piece by piece: headers announce how many items follow. */
export class MsgpackWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  /** @param capacity - expected size in bytes; grows as needed */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Begins a map of `size` pairs. */
  map(size: number): this {
    return this.#header(size, MAP);
  }

  /** Begins an array of `size` items. */
  array(size: number): this {
    return this.#header(size, ARRAY);
  }

  /** Writes text as str. */
  str(text: string): this {
    if (this.#shortAscii(text)) return this;
    const bytes = encodeUtf8(text);
    this.#header(bytes.length, STR);
    return this.raw(bytes);
  }

  /** Writes bytes as bin. */
  bin(bytes: Uint8Array): this {
    this.#header(bytes.length, BIN);
    return this.raw(bytes);
  }

  /** Writes a safe integer in as few bytes as possible, never as a float. */
  int(value: number): this {
    if (!Number.isSafeInteger(value)) {
      throw new DrayerError('RECORD_INVALID', `expected a safe integer to write, got ${value}`);
    }
    return value < 0 ? this.#negative(value) : this.#positive(value);
  }

  /** Writes bytes that are MessagePack already. */
  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Returns what was written. The writer is done: the bytes are its own. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  // The platform's encoder takes 400 ns to begin with; names and most keys are shorter than that.
  #shortAscii(text: string): boolean {
    const { length } = text;
    if (length > 100) return false;
    const start = this.#length;
    this.#header(length, STR);
    const at = this.#grow(length);
    for (let i = 0; i < length; i += 1) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) {
        this.#length = start;
        return false;
      }
      this.#bytes[at + i] = code;
    }
    return true;
  }

  #positive(value: number): this {
    if (value < 0x80) return this.#put(1, value, 0);
    if (value < 0x100) return this.#put(1, value, 0xcc);
    if (value < 0x1_0000) return this.#put(2, value, 0xcd);
    if (value < HIGH) return this.#put(4, value, 0xce);
    return this.#put(8, value, 0xcf);
  }

  #negative(value: number): this {
    if (value >= -0x20) return this.#put(1, value, 0);
    if (value >= -0x80) return this.#put(1, value, 0xd0);
    if (value >= -0x8000) return this.#put(2, value, 0xd1);
    if (value >= -0x8000_0000) return this.#put(4, value, 0xd2);
    return this.#put(8, value, 0xd3);
  }

  #header(size: number, form: Form): this {
    if (size < form.fixBelow) return this.#put(1, form.fix | size, 0);
    if (size < 0x100 && form.tag8 !== 0) return this.#put(1, size, form.tag8);
    if (size < 0x1_0000) return this.#put(2, size, form.tag16);
    return this.#put(4, size, form.tag16 + 1);
  }

  // Two's complement in `width` bytes, after a tag unless that is 0.
  #put(width: 1 | 2 | 4 | 8, value: number, tag: number): this {
    let at = this.#grow(tag === 0 ? width : width + 1);
    if (tag !== 0) this.#view.setUint8(at++, tag);
    if (width === 1) this.#view.setUint8(at, value);
    else if (width === 2) this.#view.setUint16(at, value);
    else {
      if (width === 8) {
        this.#view.setInt32(at, Math.floor(value / HIGH));
        at += 4;
      }
      this.#view.setUint32(at, value);
    }
    return this;
  }

  #grow(by: number): number {
    const at = this.#length;
    this.#length += by;
    if (this.#length > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      bytes.set(this.#bytes.subarray(0, at));
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer);
    }
    return at;
  }
}
