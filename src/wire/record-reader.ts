/**
 * The list of records of a `newRecords` answer, read as it arrives (PROTOCOL.md §6): bounded memory,
 * whatever is announced and however the bytes are cut into chunks.
 */
import { DrayerError } from '../core/errors.ts';
import { MsgpackReader } from '../core/msgpack-reader.ts';
import { LIMITS } from './limits.ts';
import { type Field, RecordFields, VALUE_FIELD, type WireRecord } from './record-fields.ts';

/** What a {@link RecordReader} lets through. */
export type ReaderLimits = {
  /** Value of one record. */
  readonly recordBytes?: number | undefined;
  /** The whole body; no limit by default. */
  readonly bodyBytes?: number | undefined;
};

/**
 * Reads a list of records as it arrives. Holds at most one unfinished record; what it returns are
 * views of the chunks, so a chunk must not be written to after it was pushed.
 *
 * Records before an error are returned; the error is thrown by the next call.
 */
export class RecordReader {
  readonly #limits: { readonly recordBytes: number; readonly bodyBytes: number };
  #buffer: Uint8Array = new Uint8Array(0);
  /** What of the buffer was neither taken in nor is empty. */
  #start = 0;
  #end = 0;
  /** The buffer must reach this far before there is anything more to take in. */
  #needed = 0;
  /** Records still to come; undefined before the list's header. */
  #left: number | undefined;
  #fields: RecordFields | undefined;
  #fieldsLeft = 0;
  /** Bytes of the record at hand that were taken in, its value aside. */
  #metadata = 0;
  #received = 0;
  #error: unknown;

  constructor(limits: ReaderLimits = {}) {
    this.#limits = {
      recordBytes: limits.recordBytes ?? LIMITS.recordBytes,
      bodyBytes: limits.bodyBytes ?? Number.POSITIVE_INFINITY,
    };
  }

  /**
   * Takes in the next bytes and returns the records they complete.
   *
   * @throws {DrayerError} MALFORMED or TOO_LARGE, then and on every later call
   */
  push(chunk: Uint8Array): WireRecord[] {
    if (this.#error !== undefined) throw this.#error;
    const records: WireRecord[] = [];
    try {
      this.#count(chunk.length);
      this.#take(chunk, records);
    } catch (error) {
      this.#error = error;
      if (records.length === 0) throw error;
    }
    return records;
  }

  /**
   * Says that nothing more comes.
   *
   * @throws {DrayerError} MALFORMED when the list is not complete
   */
  end(): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#left === 0) return;
    const rest = this.#left === undefined ? 'its length' : `${this.#left} more records`;
    throw new DrayerError('MALFORMED', `the list is cut off: expected ${rest}`);
  }

  #count(bytes: number): void {
    this.#received += bytes;
    if (this.#received <= this.#limits.bodyBytes) return;
    throw new DrayerError('TOO_LARGE', `the body has more than ${this.#limits.bodyBytes} bytes`);
  }

  /** Completes what is unfinished with as few bytes as it needs, and reads the rest in place. */
  #take(chunk: Uint8Array, records: WireRecord[]): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#start === this.#end) {
        this.#adopt(rest, rest.length);
        rest = rest.subarray(rest.length);
      } else {
        const missing = rest.subarray(0, this.#needed - this.#end);
        this.#append(missing);
        rest = rest.subarray(missing.length);
      }
      if (this.#end >= this.#needed) this.#parse(records);
    }
  }

  #parse(records: WireRecord[]): void {
    const reader = new MsgpackReader(this.#buffer.subarray(0, this.#end), this.#start);
    while (this.#step(reader, records)) this.#start = reader.offset;
  }

  /** Takes in one header, field or finished record; false when that needs more bytes. */
  #step(reader: MsgpackReader, records: WireRecord[]): boolean {
    if (this.#left === undefined) {
      if (!this.#has(reader.itemEnd())) return false;
      this.#left = reader.array();
    } else if (this.#fields !== undefined) {
      if (this.#fieldsLeft > 0) return this.#takeField(this.#fields, reader);
      records.push(this.#fields.record());
      this.#fields = undefined;
      this.#left -= 1;
    } else {
      if (this.#left === 0) reader.end();
      if (!this.#has(reader.itemEnd())) return false;
      this.#fieldsLeft = reader.map();
      this.#fields = new RecordFields();
      this.#metadata = 0;
    }
    return true;
  }

  #takeField(fields: RecordFields, reader: MsgpackReader): boolean {
    const nameEnd = reader.valueEnd(0);
    this.#checkSize(-1, nameEnd - reader.offset);
    if (!this.#has(nameEnd)) return false;
    const field = reader.isBytesNext() ? fields.name(reader) : -1;
    reader.offset = nameEnd;
    const end = reader.valueEnd(1);
    this.#checkSize(field, field === VALUE_FIELD ? reader.announcedBytes() : end - reader.offset);
    if (!this.#has(end)) return false;
    if (field === -1) reader.offset = end;
    else fields.take(field, reader);
    if (field !== VALUE_FIELD) this.#metadata += end - this.#start;
    this.#fieldsLeft -= 1;
    return true;
  }

  /** Refuses a field by the length it announces, before it is received. */
  #checkSize(field: Field, bytes: number): void {
    const isValue = field === VALUE_FIELD;
    const allowed = isValue ? this.#limits.recordBytes : LIMITS.metadataBytes - this.#metadata;
    if (bytes <= allowed) return;
    const what = isValue ? 'a value' : 'fields';
    throw new DrayerError('TOO_LARGE', `a record announces ${what} of more than ${allowed} bytes`);
  }

  #has(end: number): boolean {
    this.#needed = end;
    return end <= this.#end;
  }

  #append(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#buffer.length) this.#enlarge(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Makes room behind the unfinished field: by doubling, never by a length that is only announced. */
  #enlarge(by: number): void {
    const held = this.#buffer.subarray(this.#start, this.#end);
    const total = held.length + by;
    const wanted = Math.max(this.#needed - this.#start, 256);
    const buffer = new Uint8Array(Math.max(total, Math.min(2 * total, wanted)));
    buffer.set(held);
    this.#adopt(buffer, held.length);
  }

  #adopt(buffer: Uint8Array, end: number): void {
    this.#buffer = buffer;
    this.#needed -= this.#start;
    this.#start = 0;
    this.#end = end;
  }
}
