/**
 * The fields of a record on the wire, taken in one at a time (PROTOCOL.md §6). Unknown fields are
 * skipped with bounded work; one that comes twice or has the wrong type is refused. Which numbers
 * are allowed is checked with the signature (R2), not here.
 */
import { hash } from '#crypto';
import { DrayerError } from '../core/errors.ts';
import type { MsgpackReader } from '../core/msgpack-reader.ts';
import { type Draft, HASH_BYTES, SIGNATURE_BYTES, type SignedRecord } from '../core/record.ts';
import { LIMITS } from './limits.ts';

/** A record as it came over the wire. Its bytes are views of what was received. */
export type WireRecord = SignedRecord & {
  /** The stream's public key, 32 bytes, or empty: the stream that was asked for. Not signed. */
  readonly chain: Uint8Array;
  /** The first bytes of a value that was left out. */
  readonly head?: Uint8Array | undefined;
};

/** What was read so far of one record; a new one for every record. */
export class RecordFields {
  #hash: Uint8Array | undefined;
  #type: string | undefined;
  #key: string | undefined;
  #value: Uint8Array | undefined;
  #id: number | undefined;
  #signature: Uint8Array | undefined;
  #prev: number | undefined;
  #prevChange: number | undefined;
  #timestamp: number | undefined;
  #modified: number | undefined;
  #chain: Uint8Array | undefined;
  #head: Uint8Array | undefined;
  #hashSeen = false;

  /**
   * Takes in the field of this name; its value comes next in `reader`.
   *
   * @returns false when the name is unknown; nothing is read then
   */
  take(name: string, reader: MsgpackReader): boolean {
    switch (name) {
      case 'hash':
        this.#takeHash(reader);
        return true;
      case 'type':
        this.#type = once(this.#type, name) ?? reader.text();
        return true;
      case 'key':
        this.#key = once(this.#key, name) ?? reader.text();
        return true;
      case 'val':
        this.#value = once(this.#value, name) ?? reader.bytes();
        return true;
      case 'id':
        this.#id = once(this.#id, name) ?? reader.int();
        return true;
      case 'sig':
        this.#signature =
          once(this.#signature, name) ?? sized(name, reader.bytes(), SIGNATURE_BYTES);
        return true;
      case 'prev':
        this.#prev = once(this.#prev, name) ?? reader.int();
        return true;
      case 'prevch':
        this.#prevChange = once(this.#prevChange, name) ?? reader.int();
        return true;
      case 'ts':
        this.#timestamp = once(this.#timestamp, name) ?? reader.int();
        return true;
      case 'mod':
        this.#modified = once(this.#modified, name) ?? reader.int();
        return true;
      case 'chain':
        this.#chain = once(this.#chain, name) ?? chainOf(reader.bytes());
        return true;
      case 'head':
        this.#head = once(this.#head, name) ?? headOf(reader.bytes());
        return true;
      default:
        return false;
    }
  }

  /** Returns the record; throws MALFORMED naming the field that is missing. */
  record(): WireRecord {
    return {
      ...this.draft(),
      signature: this.#signature ?? missing('sig'),
      value: this.#value,
      chain: this.#chain ?? missing('chain'),
      head: this.#head,
    };
  }

  /** Returns the record without what makes it signed. */
  draft(): Draft {
    return {
      id: this.#id ?? missing('id'),
      type: this.#type ?? missing('type'),
      key: this.#key ?? missing('key'),
      hash: this.#hash ?? this.#valueHash(),
      timestamp: this.#timestamp ?? missing('ts'),
      modified: this.#modified ?? missing('mod'),
      prev: this.#prev ?? missing('prev'),
      prevChange: this.#prevChange ?? missing('prevch'),
    };
  }

  // Originals take a hash that is nil or empty for none.
  #takeHash(reader: MsgpackReader): void {
    if (this.#hashSeen) throw twice('hash');
    this.#hashSeen = true;
    if (reader.nil()) return;
    const bytes = reader.bytes();
    if (bytes.length > 0) this.#hash = sized('hash', bytes, HASH_BYTES);
  }

  #valueHash(): Uint8Array {
    return hash(this.#value ?? missing('hash'));
  }
}

function once(held: unknown, name: string): undefined {
  if (held !== undefined) throw twice(name);
  return undefined;
}

function sized(name: string, bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return bytes;
  throw new DrayerError('MALFORMED', `expected ${name} to be ${length} bytes, got ${bytes.length}`);
}

function chainOf(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? bytes : sized('chain', bytes, HASH_BYTES);
}

function headOf(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= LIMITS.headBytes) return bytes;
  throw new DrayerError('MALFORMED', `expected head to be at most ${LIMITS.headBytes} bytes`);
}

function twice(name: string): DrayerError {
  return new DrayerError('MALFORMED', `record: ${name} comes twice`);
}

function missing(name: string): never {
  throw new DrayerError('MALFORMED', `record: ${name} is missing`);
}
