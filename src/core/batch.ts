/**
 * A batch, and what it means for a given stream: which records are written, which are deleted
 * (R8, R10). Where they go in the chains is worked out in batch-layout.ts.
 */
import { hash } from '#crypto';
import { type ChainView, nameOf } from './chain.ts';
import { DrayerError } from './errors.ts';
import {
  ANCHOR_KEY,
  HASH_BYTES,
  type Micros,
  PROTOCOL_TYPE,
  type SignedRecord,
  SNAPSHOT_KEY,
} from './record.ts';

/** A record to write: a new one, or a new value for the one that has this type and key. */
export type Put = {
  readonly type: string;
  readonly key: string;
  /** BLAKE2b-256 of the value. A put is a change also when the record has this hash already. */
  readonly hash: Uint8Array;
  /** The application's time; the batch's `now` by default. */
  readonly timestamp?: Micros | undefined;
};

/** What one generation changes. Each (type, key) at most once, in `puts` or in `deletes`. */
export type Batch = {
  readonly puts: readonly Put[];
  /** What is not there is passed over. */
  readonly deletes: readonly { readonly type: string; readonly key: string }[];
};

/** One record to write, and the live record it replaces. */
export type Write = {
  readonly type: string;
  readonly key: string;
  readonly timestamp: Micros;
  readonly hash: Uint8Array;
  /** Given where the batch itself makes the value. */
  readonly value?: Uint8Array | undefined;
  /** The record that keeps its id and gets this content (R6); undefined for a new one (R5). */
  readonly held: SignedRecord | undefined;
};

/** A batch settled against a stream. */
export type Changes = {
  /** In the order of the batch, then the anchor if there is one, then the snapshot (R20). */
  readonly writes: readonly Write[];
  /** By id. */
  readonly deleted: ReadonlyMap<number, SignedRecord>;
};

/** Whether a stream has snapshots, and whether one is made although nothing else changes. */
export type SnapshotPolicy = 'never' | 'on change' | 'always';

/** What {@link settleBatch} has to know besides the batch. */
export type SettleOptions = {
  readonly now: Micros;
  /** Ids of records that lose to another with their type and key, to be deleted on the way (R10). */
  readonly losers: Iterable<number>;
  readonly snapshot: SnapshotPolicy;
};

/**
 * Settles a batch against a stream: finds what each put replaces, what each delete takes out, the
 * duplicates that go on the way (R10), the anchor where one is needed (R8), and adds the snapshot
 * (R20), whose hash is yet to be known.
 *
 * @returns nothing to write and nothing to delete when the batch changes nothing
 * @throws {DrayerError} USAGE when a type and key is named twice, or is the protocol's own
 */
export function settleBatch(view: ChainView, batch: Batch, options: SettleOptions): Changes {
  checkNames(batch);

  const { now } = options;
  const deleted = new Map<number, SignedRecord>();
  const replace = (put: Put): Write => {
    const [held, ...losers] = view.byKey(put.type, put.key);
    for (const loser of losers) deleted.set(loser.id, loser);
    const { type, key, timestamp = now } = put;
    return { type, key, timestamp, hash: put.hash, held };
  };
  const writes = batch.puts.map(replace);
  for (const { type, key } of batch.deletes) {
    for (const record of view.byKey(type, key)) deleted.set(record.id, record);
  }
  for (const id of options.losers) {
    const record = view.byId(id);
    if (record !== undefined && isLoser(view, record)) deleted.set(id, record);
  }

  const isChange = writes.length > 0 || deleted.size > 0;
  const snapshot =
    options.snapshot === 'always' || (options.snapshot === 'on change' && isChange)
      ? [replace({ type: PROTOCOL_TYPE, key: SNAPSHOT_KEY, hash: UNKNOWN_HASH })]
      : [];
  const isAppending = [...writes, ...snapshot].some((write) => write.held === undefined);
  if (!isAppending && deleted.has(view.idTip())) {
    // R8: always a new record. An update would not be above the id that is deleted.
    for (const older of view.byKey(PROTOCOL_TYPE, ANCHOR_KEY)) deleted.set(older.id, older);
    writes.push(anchor(now));
  }
  return { writes: [...writes, ...snapshot], deleted };
}

function checkNames(batch: Batch): void {
  const seen = new Set<string>();
  for (const { type, key } of [...batch.puts, ...batch.deletes]) {
    if (type === PROTOCOL_TYPE && (key === SNAPSHOT_KEY || key === ANCHOR_KEY)) {
      throw new DrayerError('USAGE', `expected a record of the application's, got ${type} ${key}`);
    }
    const name = nameOf(type, key);
    if (seen.has(name)) {
      throw new DrayerError(
        'USAGE',
        `expected each record once in a batch, got ${type} ${key} twice`,
      );
    }
    seen.add(name);
  }
}

function isLoser(view: ChainView, record: SignedRecord): boolean {
  return view.byKey(record.type, record.key)[0]?.id !== record.id;
}

// Stands for the hash of a snapshot until the rest of its generation is laid out.
const UNKNOWN_HASH = new Uint8Array(HASH_BYTES);

function anchor(now: Micros): Write {
  const value = new Uint8Array();
  const name = { type: PROTOCOL_TYPE, key: ANCHOR_KEY };
  return { ...name, timestamp: now, hash: hash(value), value, held: undefined };
}
