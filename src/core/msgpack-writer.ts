/**
 * The MessagePack writer: modern str and bin, integers as short as possible and never as floats
 * (originals refuse those). Reading is msgpack-reader.ts.
 */
import { DrayerError } from './errors.ts';
import { encodeUtf8 } from './utf8.ts';

const HIGH = 0x1_0000_0000;

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
    return this.#header(size, { fix: 0x80, below: 16, tags: [undefined, 0xde, 0xdf] });
  }

  /** Begins an array of `size` items. */
  array(size: number): this {
    return this.#header(size, { fix: 0x90, below: 16, tags: [undefined, 0xdc, 0xdd] });
  }

  /** Writes text as str. */
  str(text: string): this {
    const bytes = encodeUtf8(text);
    this.#header(bytes.length, { fix: 0xa0, below: 32, tags: [0xd9, 0xda, 0xdb] });
    return this.raw(bytes);
  }

  /** Writes bytes as bin. */
  bin(bytes: Uint8Array): this {
    this.#header(bytes.length, { fix: 0, below: 0, tags: [0xc4, 0xc5, 0xc6] });
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

  #header(
    size: number,
    form: { fix: number; below: number; tags: readonly (number | undefined)[] },
  ): this {
    const [tag8, tag16, tag32] = form.tags;
    if (size < form.below) return this.#put(1, form.fix | size, 0);
    if (size < 0x100 && tag8 !== undefined) return this.#put(1, size, tag8);
    if (size < 0x1_0000 && tag16 !== undefined) return this.#put(2, size, tag16);
    return this.#put(4, size, tag32 ?? 0);
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
