/**
 * The fields of a record on the wire, taken in one at a time (PROTOCOL.md §6). Unknown fields are
 * the caller's to skip; one that comes twice or has the wrong type is refused. Which numbers are
 * allowed is checked with the signature (R2), not here.
 */
import { hash } from '#crypto';
import { DrayerError } from '../core/errors.ts';
import type { MsgpackReader } from '../core/msgpack-reader.ts';
import { type Draft, HASH_BYTES, SIGNATURE_BYTES, type SignedRecord } from '../core/record.ts';
import { encodeUtf8 } from '../core/utf8.ts';
import { LIMITS } from './limits.ts';

/** A record as it came over the wire. Its bytes are views of what was received. */
export type WireRecord = SignedRecord & {
  /** The stream's public key, 32 bytes, or empty: the stream that was asked for. Not signed. */
  readonly chain: Uint8Array;
  /** The first bytes of a value that was left out. */
  readonly head?: Uint8Array | undefined;
};

/** The names on the wire, in the order in which the original writes them. */
const NAMES = [
  'hash',
  'type',
  'key',
  'val',
  'id',
  'sig',
  'prev',
  'prevch',
  'ts',
  'mod',
  'chain',
  'head',
] as const;
type Name = (typeof NAMES)[number];

const NAME_BYTES = NAMES.map(encodeUtf8);
const NO_BYTES = new Uint8Array(0);
/** What every record has. `hash` may be missing where `val` is there; `chain` says nothing that was not asked. */
const NEEDED: readonly Name[] = ['type', 'key', 'id', 'prev', 'prevch', 'ts', 'mod'];
const SIGNED: readonly Name[] = ['sig'];

/** A known field, by its place among the names. */
export type Field = number;
/** Place of the value among the names. */
export const VALUE_FIELD: Field = NAMES.indexOf('val');

/** What was read so far of one record; a new one for every record. */
export class RecordFields {
  /** One bit for each name. */
  #seen = 0;
  #expected: Field = 0;
  #hash: Uint8Array | undefined;
  #type = '';
  #key = '';
  #value: Uint8Array | undefined;
  #id = 0;
  #signature: Uint8Array = NO_BYTES;
  #prev = 0;
  #prevChange = 0;
  #timestamp = 0;
  #modified = 0;
  #chain: Uint8Array = NO_BYTES;
  #head: Uint8Array | undefined;

  /** Reads the name of a field; −1 for one that nobody knows. */
  name(reader: MsgpackReader): Field {
    return reader.name(NAME_BYTES, this.#expected);
  }

  /** Takes in the value of a known field, which comes next. */
  take(field: Field, reader: MsgpackReader): void {
    if ((this.#seen >> field) & 1) {
      throw new DrayerError('MALFORMED', `record: ${NAMES[field]} comes twice`);
    }
    this.#seen |= 1 << field;
    this.#expected = field + 1;
    const name = NAMES[field];
    if (name === 'id') this.#id = reader.int();
    else if (name === 'prev') this.#prev = reader.int();
    else if (name === 'prevch') this.#prevChange = reader.int();
    else if (name === 'ts') this.#timestamp = reader.int();
    else if (name === 'mod') this.#modified = reader.int();
    else if (name === 'type') this.#type = reader.text();
    else if (name === 'key') this.#key = reader.text();
    else this.#takeBytes(name, reader);
  }

  /** Returns the record; throws MALFORMED naming what is missing. */
  record(): WireRecord {
    this.#require(SIGNED);
    const draft = this.draft();
    return {
      id: draft.id,
      type: draft.type,
      key: draft.key,
      hash: draft.hash,
      timestamp: draft.timestamp,
      modified: draft.modified,
      prev: draft.prev,
      prevChange: draft.prevChange,
      signature: this.#signature,
      value: this.#value,
      chain: this.#chain,
      head: this.#head,
    };
  }

  /** Returns the record without what makes it a signed one. */
  draft(): Draft {
    this.#require(NEEDED);
    return {
      id: this.#id,
      type: this.#type,
      key: this.#key,
      hash: this.#hash ?? this.#hashOfValue(),
      timestamp: this.#timestamp,
      modified: this.#modified,
      prev: this.#prev,
      prevChange: this.#prevChange,
    };
  }

  #takeBytes(name: Name | undefined, reader: MsgpackReader): void {
    // Originals take a hash that is nil or empty for none.
    if (name === 'hash' && reader.nil()) return;
    const bytes = reader.bytes();
    if (name === 'val') this.#value = bytes;
    else if (name === 'sig') this.#signature = sized('sig', bytes, SIGNATURE_BYTES);
    else if (name === 'chain') this.#chain = chainOf(bytes);
    else if (name === 'head') this.#head = headOf(bytes);
    else if (bytes.length > 0) this.#hash = sized('hash', bytes, HASH_BYTES);
  }

  #hashOfValue(): Uint8Array {
    if (this.#value !== undefined) return hash(this.#value);
    throw new DrayerError('MALFORMED', 'record: hash is missing, and so is val');
  }

  #require(names: readonly Name[]): void {
    for (const name of names) {
      if ((this.#seen >> NAMES.indexOf(name)) & 1) continue;
      throw new DrayerError('MALFORMED', `record: ${name} is missing`);
    }
  }
}

function sized(name: string, bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return bytes;
  throw new DrayerError('MALFORMED', `expected ${name} to be ${length} bytes, got ${bytes.length}`);
}

// 32 bytes like a hash, or none.
function chainOf(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? bytes : sized('chain', bytes, HASH_BYTES);
}

function headOf(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= LIMITS.headBytes) return bytes;
  throw new DrayerError('MALFORMED', `expected head to be at most ${LIMITS.headBytes} bytes`);
}
