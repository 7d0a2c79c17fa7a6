/**
 * The fields of a datagram, taken in one at a time (PROTOCOL.md §10). As lenient as the original: any
 * order, fields nobody knows, numbers as floats; but nothing twice, and nothing of another type.
 */
import { DrayerError } from '../core/errors.ts';
import type { MsgpackReader } from '../core/msgpack-reader.ts';
import { HASH_BYTES, type Micros, SIGNATURE_BYTES, type SignedRecord } from '../core/record.ts';

/** A message as it came. */
export type Datagram =
  /** Who has something newer than `time` of this stream? */
  | { readonly kind: 'request'; readonly publicKey: Uint8Array; readonly time: Micros }
  /** The sender has this stream up to `modified`. */
  | {
      readonly kind: 'record';
      readonly publicKey: Uint8Array;
      readonly modified: Micros;
      /** Of the sender's HTTP server; 0 for none. */
      readonly httpPort: number;
      /** Its newest record, unchecked; undefined where the sender leaves out what a check takes. */
      readonly record: SignedRecord | undefined;
    };

const KEY_BYTES = 32;
const TEXTS = new Set(['mtype', 'key', 'type']);
const INTEGERS = new Set(['id', 'prev', 'prevch', 'ts', 'httpport']);
/** Originals read these as any number. */
const TIMES = new Set(['time', 'mod']);
const LENGTHS: ReadonlyMap<string, number> = new Map([
  ['chain', KEY_BYTES],
  ['hash', HASH_BYTES],
  ['sig', SIGNATURE_BYTES],
]);
/** Containers within each other in a field nobody knows. */
const LEVELS = 2;

/** What was read so far of one datagram. */
export class DatagramFields {
  readonly #view: DataView;
  readonly #texts = new Map<string, string>();
  readonly #numbers = new Map<string, number>();
  readonly #bytes = new Map<string, Uint8Array>();

  /** @param bytes - what the reader reads */
  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Takes in the next name and its value. @throws {DrayerError} MALFORMED */
  take(reader: MsgpackReader): void {
    // Originals let any value stand as a name.
    if (!reader.isBytesNext()) {
      reader.skip(LEVELS);
      reader.skip(LEVELS);
      return;
    }
    const name = reader.text();
    const length = LENGTHS.get(name);
    if (TEXTS.has(name)) this.#keep(this.#texts, name, reader.text());
    else if (INTEGERS.has(name)) this.#keep(this.#numbers, name, reader.int());
    else if (TIMES.has(name)) this.#keep(this.#numbers, name, this.#time(reader));
    else if (length === undefined) reader.skip(LEVELS);
    else this.#keep(this.#bytes, name, sized(name, reader.bytes(), length));
  }

  /** Returns the message; undefined for one of a kind nobody knows, or without what it needs. */
  datagram(): Datagram | undefined {
    const publicKey = this.#bytes.get('chain');
    if (publicKey === undefined) return undefined;
    const mtype = this.#texts.get('mtype');
    if (mtype === 'record') return this.#record(publicKey);
    const time = this.#numbers.get('time');
    if (mtype !== 'getRecordsSince' || time === undefined) return undefined;
    return { kind: 'request', publicKey, time };
  }

  #record(publicKey: Uint8Array): Datagram | undefined {
    const modified = this.#numbers.get('mod');
    const httpPort = this.#numbers.get('httpport');
    if (modified === undefined || httpPort === undefined) return undefined;
    if (httpPort < 0 || httpPort > 65_535) return undefined;
    return { kind: 'record', publicKey, modified, httpPort, record: this.#signed(modified) };
  }

  #signed(modified: Micros): SignedRecord | undefined {
    const [id, prev, prevChange, timestamp] = ['id', 'prev', 'prevch', 'ts'].map((name) =>
      this.#numbers.get(name),
    );
    const [type, key] = ['type', 'key'].map((name) => this.#texts.get(name));
    const [hash, signature] = ['hash', 'sig'].map((name) => this.#bytes.get(name));
    if (id === undefined || prev === undefined || prevChange === undefined) return undefined;
    if (timestamp === undefined || type === undefined || key === undefined) return undefined;
    if (hash === undefined || signature === undefined) return undefined;
    return { id, type, key, hash, timestamp, modified, prev, prevChange, signature };
  }

  #keep<Value>(kept: Map<string, Value>, name: string, value: Value): void {
    if (kept.has(name)) throw new DrayerError('MALFORMED', `datagram: ${name} comes twice`);
    kept.set(name, value);
  }

  #time(reader: MsgpackReader): number {
    const { offset } = reader;
    const tag = offset < this.#view.byteLength ? this.#view.getUint8(offset) : 0;
    if (tag !== FLOAT_32 && tag !== FLOAT_64) return reader.int();
    // Past it first: that finds out whether it is there whole.
    reader.skip(0);
    const at = offset + 1;
    const value = tag === FLOAT_32 ? this.#view.getFloat32(at) : this.#view.getFloat64(at);
    if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return Math.floor(value);
    throw new DrayerError('MALFORMED', `expected a time within ±(2^53−1), got ${value}`);
  }
}

const FLOAT_32 = 0xca;
const FLOAT_64 = 0xcb;

/** A copy: a view would keep all of what was received alive. */
function sized(name: string, bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return new Uint8Array(bytes);
  throw new DrayerError('MALFORMED', `expected ${name} to be ${length} bytes, got ${bytes.length}`);
}
