/**
 * A record: one signed entry of a stream, and the shape every record must have (R2).
 * Nothing here knows of other records; the chains are in chain.ts.
 */
import { DrayerError } from './errors.ts';

/** Microseconds since 1970; a safe integer until the year 2255. */
export type Micros = number;

/** A record before signing. The value is represented by its hash. */
export type Draft = {
  /** Place in the id chain, 1 … 2^53−1; never reused. */
  readonly id: number;
  /** Application type: `file`, `obj`, `drayer`, … */
  readonly type: string;
  /** Name within the type. */
  readonly key: string;
  /** BLAKE2b-256 of the value, 32 bytes. */
  readonly hash: Uint8Array;
  /** The application's time. */
  readonly timestamp: Micros;
  /** Place in the modified chain; unique in a stream. */
  readonly modified: Micros;
  /** Id of the record before it in the id chain, or 0. */
  readonly prev: number;
  /** `modified` of the record before it in the modified chain, or 0. */
  readonly prevChange: Micros;
};

/** A record as it is stored and sent. */
export type SignedRecord = Draft & {
  /** Ed25519 over the 136 bytes of R1, 64 bytes. */
  readonly signature: Uint8Array;
  /** The value; absent where only the hash is known or was asked for. */
  readonly value?: Uint8Array | undefined;
};

/** Bytes of a hash. */
export const HASH_BYTES = 32;
/** Bytes of a signature. */
export const SIGNATURE_BYTES = 64;
/** Greatest id and greatest time of a record, 2^53−1. */
export const MAX_INTEGER: number = Number.MAX_SAFE_INTEGER;

/** Type of the records the protocol itself uses. */
export const PROTOCOL_TYPE = 'drayer';
/** Key of the snapshot record (R20). */
export const SNAPSHOT_KEY = 'snapshot';
/** Key of the anchor record (R8). */
export const ANCHOR_KEY = 'anchor';
/** Key of the record that lists the primary servers (R26). */
export const PRIMARY_SERVERS_KEY = 'primaryServers';
/** Key of the record that says what a generation was made from (R26). */
export const PROVENANCE_KEY = 'provenance';

/**
 * Checks the shape of a record: integers in their bounds, lengths of hash and signature (R2).
 * UTF-8 validity is checked where bytes become strings; the hash against the value by the verifier.
 *
 * @throws {DrayerError} RECORD_INVALID naming the field, what was expected and what came
 */
export function checkDraft(draft: Draft): void {
  checkInteger(draft, 'id', 1, MAX_INTEGER);
  checkInteger(draft, 'prev', 0, draft.id - 1);
  checkInteger(draft, 'modified', 1, MAX_INTEGER);
  checkInteger(draft, 'prevChange', 0, draft.modified - 1);
  checkInteger(draft, 'timestamp', -MAX_INTEGER, MAX_INTEGER);
  checkText(draft, 'type');
  checkText(draft, 'key');
  checkLength(draft.id, 'hash', draft.hash, HASH_BYTES);
}

/**
 * Checks a draft and its signature's length (R2).
 *
 * @throws {DrayerError} RECORD_INVALID naming the field, what was expected and what came
 */
export function checkRecord(record: SignedRecord): void {
  checkDraft(record);
  checkLength(record.id, 'signature', record.signature, SIGNATURE_BYTES);
}

/** Tells whether two byte strings are equal. Not constant in time: nothing secret is compared. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

type IntegerField = 'id' | 'prev' | 'modified' | 'prevChange' | 'timestamp';

function checkInteger(draft: Draft, field: IntegerField, min: number, max: number): void {
  const value = draft[field];
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw new DrayerError(
    'RECORD_INVALID',
    `record ${draft.id}: expected ${field} to be an integer from ${min} to ${max}, got ${value}`,
  );
}

function checkText(draft: Draft, field: 'type' | 'key'): void {
  // A lone surrogate has no UTF-8 form: it would be signed as U+FFFD and read back as another key.
  if (typeof draft[field] === 'string' && draft[field].isWellFormed()) return;
  throw new DrayerError(
    'RECORD_INVALID',
    `record ${draft.id}: expected ${field} to be valid Unicode`,
  );
}

function checkLength(id: number, field: string, bytes: Uint8Array, length: number): void {
  if (bytes.length === length) return;
  throw new DrayerError(
    'RECORD_INVALID',
    `record ${id}: expected ${length} ${field} bytes, got ${bytes.length}`,
  );
}
