/**
 * The value of the snapshot record: what one generation of a stream holds, in a hundred bytes (R20).
 * The root is made in trie.ts; which record carries it and when is the planner's.
 */
import { DrayerError } from './errors.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import { MsgpackWriter } from './msgpack-writer.ts';
import { HASH_BYTES, type Micros } from './record.ts';

/** What a snapshot says of its generation. */
export type Snapshot = {
  /** Number of the generation, from 1, one more each time. */
  readonly seq: number;
  /** Number of live records, the snapshot itself left out. */
  readonly count: number;
  /** Root over those records, 32 bytes (R21). */
  readonly root: Uint8Array;
  /** When it was made. */
  readonly time: Micros;
  /** When a visitor should begin to call it stale; 0 = never. */
  readonly exp: Micros;
  /** Root of the generation before; 32 zero bytes in the first. */
  readonly previous: Uint8Array;
};

const VERSION = 1;
const FIELDS = ['v', 'seq', 'count', 'root', 'time', 'exp', 'previous'] as const;
type Field = (typeof FIELDS)[number];

/** Returns the value of a snapshot record. The same snapshot always gives the same bytes. */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const writer = new MsgpackWriter(160).map(FIELDS.length);
  writer.str('v').int(VERSION);
  writer.str('seq').int(snapshot.seq);
  writer.str('count').int(snapshot.count);
  writer.str('root').bin(snapshot.root);
  writer.str('time').int(snapshot.time);
  writer.str('exp').int(snapshot.exp);
  writer.str('previous').bin(snapshot.previous);
  return writer.finish();
}

/**
 * Reads the value of a snapshot record; unknown fields are ignored.
 *
 * @throws {DrayerError} MALFORMED when it is not a snapshot of version 1 with every field in bounds
 */
export function decodeSnapshot(value: Uint8Array): Snapshot {
  const reader = new MsgpackReader(value);
  const fields = readFields(reader);
  reader.end();
  if (integer(fields, 'v', 0) !== VERSION) {
    throw new DrayerError('MALFORMED', `expected a snapshot of version ${VERSION}`);
  }
  return {
    seq: integer(fields, 'seq', 1),
    count: integer(fields, 'count', 0),
    root: digest(fields, 'root'),
    time: integer(fields, 'time', 0),
    exp: integer(fields, 'exp', 0),
    previous: digest(fields, 'previous'),
  };
}

/**
 * Tells whether a stream with a lifetime is due for a new snapshot: less than half of it is left, or it
 * was made without one (R20).
 *
 * @param lifetimeMicros - undefined where generations never get stale
 */
export function isHalfSpent(
  snapshot: Snapshot | undefined,
  lifetimeMicros: number | undefined,
  now: Micros,
): boolean {
  if (snapshot === undefined || lifetimeMicros === undefined) return false;
  return snapshot.exp === 0 || snapshot.exp - now < lifetimeMicros / 2;
}

type Fields = ReadonlyMap<string, number | Uint8Array>;

function readFields(reader: MsgpackReader): Fields {
  const fields = new Map<Field, number | Uint8Array>();
  for (let left = reader.map(); left > 0; left -= 1) {
    const name = reader.text();
    const field = FIELDS.find((known) => known === name);
    if (field === undefined) {
      reader.skip(2);
      continue;
    }
    if (fields.has(field)) throw new DrayerError('MALFORMED', `snapshot: ${field} comes twice`);
    fields.set(field, field === 'root' || field === 'previous' ? reader.bytes() : reader.int());
  }
  return fields;
}

function integer(fields: Fields, field: Field, min: number): number {
  const value = fields.get(field);
  if (typeof value === 'number' && value >= min) return value;
  throw new DrayerError('MALFORMED', `snapshot: expected ${field} to be at least ${min}`);
}

function digest(fields: Fields, field: Field): Uint8Array {
  const value = fields.get(field);
  // A copy: the value it lies in may be large to keep alive, or a buffer that is used again.
  if (value instanceof Uint8Array && value.length === HASH_BYTES) return value.slice();
  throw new DrayerError('MALFORMED', `snapshot: expected ${field} to be ${HASH_BYTES} bytes`);
}
