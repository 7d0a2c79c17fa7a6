/**
 * The bodies of a push, for both ends (PROTOCOL.md §8). A batch is the list of records of
 * record-codec.ts. Unknown fields are skipped; one that comes twice is refused.
 */
import { DrayerError } from '../core/errors.ts';
import { MsgpackReader } from '../core/msgpack-reader.ts';
import { MsgpackWriter } from '../core/msgpack-writer.ts';
import { HASH_BYTES } from '../core/record.ts';

/** What is asked of the lease of a stream. */
export type LeaseRequest = {
  /** The lease held, to renew it or to give it back; left out to take one. */
  readonly lease?: string | undefined;
  /** Whether to give it back. */
  readonly release?: boolean | undefined;
};

/** A lease, and the state it was given on. */
export type Lease = {
  /** Names the holder to the server. */
  readonly lease: string;
  /** Seconds it is still held for, so that no clocks are compared; 0 where it was given back. */
  readonly expires: number;
  /** Modified tip in micros, 0 where the server has nothing of the stream. */
  readonly tip: number;
  /** Value of the snapshot record. */
  readonly snapshot?: Uint8Array | undefined;
};

/** What came of a batch that was taken. */
export type PushReceipt = {
  /** Modified tip of the stream after it. */
  readonly tip: number;
  /** Of its snapshot; 0 where it has none. */
  readonly seq: number;
  /** Hash of the batch's bytes. */
  readonly batch: Uint8Array;
};

/** Most hashes of one `values`. */
export const MAX_HASHES = 16_384;

/** What stands before a value in a list, at most. */
const VALUE_HEAD_BYTES = 5;

/** Most values of one `PUT values`. */
export const MAX_VALUES = 1024;

/** Most characters of a lease's name. */
const LEASE_BYTES = 128;

/** Returns a list of hashes, which is both the question and the answer of `values`. */
export function encodeHashes(hashes: readonly Uint8Array[]): Uint8Array {
  const writer = new MsgpackWriter(8 + hashes.length * (HASH_BYTES + 2)).array(hashes.length);
  for (const hash of hashes) writer.bin(hash);
  return writer.finish();
}

/**
 * Reads a list of hashes.
 *
 * @throws {DrayerError} MALFORMED, or TOO_LARGE for more than {@link MAX_HASHES}
 */
export function decodeHashes(body: Uint8Array): Uint8Array[] {
  const reader = new MsgpackReader(body);
  const size = reader.array();
  if (size > MAX_HASHES) {
    const message = `expected at most ${MAX_HASHES} hashes, got ${size}`;
    throw new DrayerError('TOO_LARGE', message);
  }
  const hashes: Uint8Array[] = [];
  while (hashes.length < size) hashes.push(readHash(reader));
  reader.end();
  return hashes;
}

/** Returns a list of values, as `PUT values` takes it. */
export function encodeValues(values: readonly Uint8Array[]): Uint8Array {
  const bytes = values.reduce((sum, value) => sum + value.length + VALUE_HEAD_BYTES, 8);
  const writer = new MsgpackWriter(bytes).array(values.length);
  for (const value of values) writer.bin(value);
  return writer.finish();
}

/**
 * Reads a list of values; they are views of `body`.
 *
 * @throws {DrayerError} MALFORMED, or TOO_LARGE for more than {@link MAX_VALUES}
 */
export function decodeValues(body: Uint8Array): Uint8Array[] {
  const reader = new MsgpackReader(body);
  const size = reader.array();
  if (size > MAX_VALUES) {
    const message = `expected at most ${MAX_VALUES} values, got ${size}`;
    throw new DrayerError('TOO_LARGE', message);
  }
  const values: Uint8Array[] = [];
  while (values.length < size) values.push(reader.bytes());
  reader.end();
  return values;
}

/** Returns the body of `lease`. */
export function encodeLeaseRequest({ lease, release = false }: LeaseRequest): Uint8Array {
  const writer = new MsgpackWriter(64).map((lease === undefined ? 0 : 1) + (release ? 1 : 0));
  if (lease !== undefined) writer.str('lease').str(lease);
  // An integer: the writer of the protocol has no booleans.
  if (release) writer.str('release').int(1);
  return writer.finish();
}

/** Reads the body of `lease`; an empty one asks for a new lease. @throws {DrayerError} MALFORMED */
export function decodeLeaseRequest(body: Uint8Array): LeaseRequest {
  if (body.length === 0) return {};
  const fields = readFields(body, { lease: readLease, release: (reader) => reader.int() !== 0 });
  return { lease: fields.lease, release: fields.release };
}

/** Returns the answer of `lease`. */
export function encodeLease({ lease, expires, tip, snapshot }: Lease): Uint8Array {
  const writer = new MsgpackWriter(256).map(snapshot === undefined ? 3 : 4);
  writer.str('lease').str(lease).str('expires').int(expires).str('tip').int(tip);
  if (snapshot !== undefined) writer.str('snapshot').bin(snapshot);
  return writer.finish();
}

/** Reads the answer of `lease`. @throws {DrayerError} MALFORMED */
export function decodeLease(body: Uint8Array): Lease {
  const { lease, expires, tip, snapshot } = readFields(body, {
    lease: readLease,
    expires: readCount,
    tip: readCount,
    snapshot: (reader) => reader.bytes(),
  });
  if (lease !== undefined && expires !== undefined && tip !== undefined) {
    return { lease, expires, tip, snapshot };
  }
  throw new DrayerError('MALFORMED', 'lease: expected lease, expires and tip');
}

/** Returns the answer of `records`. */
export function encodeReceipt({ tip, seq, batch }: PushReceipt): Uint8Array {
  const writer = new MsgpackWriter(96).map(3);
  return writer.str('tip').int(tip).str('seq').int(seq).str('batch').bin(batch).finish();
}

/** Reads the answer of `records`. @throws {DrayerError} MALFORMED */
export function decodeReceipt(body: Uint8Array): PushReceipt {
  const { tip, seq, batch } = readFields(body, { tip: readCount, seq: readCount, batch: readHash });
  if (tip !== undefined && seq !== undefined && batch !== undefined) return { tip, seq, batch };
  throw new DrayerError('MALFORMED', 'push: expected tip, seq and batch');
}

type Readers = Readonly<Record<string, (reader: MsgpackReader) => unknown>>;
type Fields<R extends Readers> = { [name in keyof R]?: ReturnType<R[name]> };

function readFields<R extends Readers>(body: Uint8Array, readers: R): Fields<R> {
  const reader = new MsgpackReader(body);
  const fields: Record<string, unknown> = {};
  for (let left = reader.map(); left > 0; left -= 1) {
    const name = reader.text();
    if (Object.hasOwn(fields, name)) throw new DrayerError('MALFORMED', `${name} comes twice`);
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read === undefined) reader.skip(2);
    else fields[name] = read(reader);
  }
  reader.end();
  // Each field was read by the reader of its own name.
  return fields as Fields<R>;
}

function readHash(reader: MsgpackReader): Uint8Array {
  const bytes = reader.bytes();
  if (bytes.length === HASH_BYTES) return bytes;
  throw new DrayerError('MALFORMED', `expected ${HASH_BYTES} bytes of a hash, got ${bytes.length}`);
}

function readLease(reader: MsgpackReader): string {
  const text = reader.text();
  if (text.length > 0 && text.length <= LEASE_BYTES) return text;
  throw new DrayerError('MALFORMED', `expected a lease of 1 to ${LEASE_BYTES} characters`);
}

function readCount(reader: MsgpackReader): number {
  const value = reader.int();
  if (value >= 0) return value;
  throw new DrayerError('MALFORMED', `expected a number from 0 on, got ${value}`);
}
