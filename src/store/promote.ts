/**
 * Making a staged generation the visible one, in one step or not at all (R15, R22). Judges what is
 * really on disk, so it believes nothing of what the mirror held in memory. Synchronous: for a large
 * generation it runs in a worker thread.
 */
import { renameSync } from 'node:fs';
import type { Step } from '../core/chain.ts';
import { type Evidence, judgeGeneration, type Verdict } from '../core/completeness.ts';
import { isDrayerError } from '../core/errors.ts';
import { ListedView } from '../core/listed-view.ts';
import { OverlayView } from '../core/overlay.ts';
import {
  bytesEqual,
  type Micros,
  PROTOCOL_TYPE,
  type SignedRecord,
  SNAPSHOT_KEY,
} from '../core/record.ts';
import { verifyRecord } from '../core/signing.ts';
import { decodeSnapshot, type Snapshot } from '../core/snapshot.ts';
import { type Connection, connect, prepareForWriting } from './database.ts';
import { syncDirectory, syncFile } from './durable-file.ts';
import { findFork, type ProvedFork } from './find-fork.ts';
import { LocalAttributes } from './local-attributes.ts';
import { type Generation, StreamReader } from './reader.ts';
import { RowWriter, recordsByModified } from './rows.ts';
import { ensureIndexes, ensureTables } from './schema.ts';
import { checkNewValues, checkValues, fetchHeldValues, stagedValue } from './staged-values.ts';
import {
  partPathOf,
  readStagingBase,
  removeLogs,
  removePart,
  STAGING_TABLES,
} from './staging-file.ts';
import { hasFile } from './stream-file.ts';
import { buildTrie, type OpenTrie, saveTrie } from './trie-store.ts';
import { UNCHECKED_ATTRIBUTE, uncheckedOf } from './unchecked.ts';

/** What to promote. Plain data: it crosses to a worker thread. */
export type PromoteJob = {
  /** The stream file; its staging file is closed, and beside it. */
  readonly path: string;
  /** The highest `modified` of a verified record that any source has shown (R13). */
  readonly goal: Micros;
  /** The snapshot of the newest generation this mirror has called complete (R22). */
  readonly seen: Evidence['seen'];
  /** Values may be missing that are not of the protocol's own records: the mode does not want them (R18). */
  readonly isPartial?: boolean | undefined;
};

/** What came of it. Only after `complete` has anything changed. */
export type Promotion =
  | Exclude<Verdict, { kind: 'complete' | 'fork' }>
  | (Extract<Verdict, { kind: 'fork' }> & Partial<ProvedFork>)
  | (Extract<Verdict, { kind: 'complete' }> & { readonly generation: Generation })
  /** The stream file is not the one the staging stands on any more. */
  | { readonly kind: 'moved' };

/**
 * Judges what is staged for a stream file and, if it is a complete generation, makes it visible; the
 * staging file is gone then.
 *
 * @throws {DrayerError} VALUE_NOT_HELD when a value is still wanted
 * @throws {DrayerError} STREAM_BUSY when another process is at one of the files
 */
export function promoteStaged(job: PromoteJob): Promotion {
  return hasFile(job.path) ? promoteNext(job) : promoteFirst(job);
}

function promoteFirst(job: PromoteJob): Promotion {
  const partPath = partPathOf(job.path);
  const connection = connect(partPath);
  let promotion: Promotion;
  try {
    // Nobody sees this file before its name changes: the disk is waited for once, right before that.
    connection.run(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096',
    );
    promotion = connection.writing(() => finishFirst(connection, job));
    // As every stream file is: a reader never keeps the next generation from being written.
    if (promotion.kind === 'complete') connection.pragma('journal_mode = WAL');
  } finally {
    connection.close();
  }
  if (promotion.kind !== 'complete') return promotion;
  syncFile(partPath);
  // Of a file that is gone: SQLite would play it into the new one.
  removeLogs(job.path);
  renameSync(partPath, job.path);
  syncDirectory(job.path);
  return promotion;
}

function finishFirst(connection: Connection, job: PromoteJob): Promotion {
  if (readStagingBase(connection)?.kind !== 'first') return { kind: 'moved' };
  checkValues(connection, job);
  const reader = new StreamReader(connection, { hasIndexes: true, hasTables: true });
  const { snapshot, snapshotRecord } = reader.generation();
  const owes = uncheckedOf(reader) !== undefined;
  if (owes && !isSigned(snapshotRecord, reader.publicKey)) return UNSIGNED;
  const records: SignedRecord[] = [];
  for (const stored of recordsByModified(connection, 'record')) records.push(slim(stored));
  const view = new ListedView(records);
  const trie = snapshot && buildTrie(records);
  const root = (): Uint8Array => trie?.root() ?? NO_BYTES;
  const verdict = judgeGeneration(view, { ...job, snapshot, root });
  if (verdict.kind !== 'complete') return verdict;

  saveTrie(connection, reader.view, trie && { trie, isStored: false }, view.count());
  for (const table of Object.keys(STAGING_TABLES)) connection.run(`DROP TABLE ${table}`);
  return { ...verdict, generation: reader.generation() };
}

const NO_BYTES = new Uint8Array();

/** Without a snapshot that the key has signed nothing speaks for records whose signatures nobody has checked. */
const UNSIGNED: Promotion = {
  kind: 'mismatch',
  detail: 'no signed snapshot covers the records, and their own signatures are not checked',
};

function isSigned(record: SignedRecord | undefined, publicKey: Uint8Array): boolean {
  if (record === undefined) return false;
  try {
    verifyRecord(record, publicKey);
    return true;
  } catch (error) {
    if (isDrayerError(error)) return false;
    throw error;
  }
}

/**
 * What judging looks at, without the signature and with a hash in the heap: what SQLite returns takes
 * a kilobyte a record, and here are all of them.
 */
function slim({
  id,
  type,
  key,
  hash,
  timestamp,
  modified,
  prev,
  prevChange,
}: SignedRecord): SignedRecord {
  const own = new Uint8Array(hash);
  return { id, type, key, hash: own, timestamp, modified, prev, prevChange, signature: NO_BYTES };
}

function promoteNext(job: PromoteJob): Promotion {
  const partPath = partPathOf(job.path);
  const connection = connect(job.path);
  let promotion: Promotion;
  try {
    prepareForWriting(connection);
    connection.query('ATTACH ? AS staged').run(partPath);
    connection.run('PRAGMA staged.synchronous = OFF');
    connection.writing(() => fetchHeldValues(connection));
    promotion = connection.writing(() => swap(connection, job));
    connection.run('DETACH staged');
    connection.truncateLog();
  } finally {
    connection.close();
  }
  if (promotion.kind === 'complete') removePart(partPath);
  return promotion;
}

function swap(connection: Connection, job: PromoteJob): Promotion {
  ensureIndexes(connection);
  ensureTables(connection);
  const reader = new StreamReader(connection, { hasIndexes: true, hasTables: true });
  const base = readStagingBase(connection, 'staged.drayer_staged');
  const isNext = base?.kind === 'next' && base.tip === reader.view.modifiedTip();
  const isFitting = base?.kind === 'afresh' || isNext;
  if (base === undefined || !isFitting) return { kind: 'moved' };

  checkNewValues(connection, job);
  const isAfresh = base.kind === 'afresh';
  const overlay = isAfresh ? overlayAfresh(connection, reader) : overlayNext(connection, reader);
  const snapshot = readSnapshot(
    overlay,
    (id) => stagedValue(connection, id) ?? reader.readValue({ id }),
  );
  const open = snapshot && changeTrie(reader, overlay);
  const changed = isAfresh ? undefined : overlay.places();
  const root = (): Uint8Array => open?.trie.root() ?? new Uint8Array();
  const verdict = judgeGeneration(overlay, { ...job, snapshot, root, changed });
  if (verdict.kind !== 'complete') return verdict;
  const fork = findFork(reader, overlay);
  if (fork !== undefined) return fork;

  // Asked before the rows below the overlay change.
  const count = overlay.count();
  apply(connection, overlay, { isAfresh, allowMissing: job.isPartial === true });
  // Every record of it was checked as it came, and whatever differed has given way.
  if (isAfresh) new LocalAttributes(connection).set(UNCHECKED_ATTRIBUTE, undefined);
  saveTrie(connection, reader.view, open, count);
  return { ...verdict, generation: reader.generation() };
}

function overlayNext(connection: Connection, reader: StreamReader): OverlayView {
  const overlay = new OverlayView(reader.view);
  const removed = connection.query<{ id: number }>('SELECT id FROM staged.drayer_removed').all();
  for (const { id } of removed) overlay.remove(id);
  for (const record of recordsByModified(connection, 'staged.record')) overlay.put(record);
  return overlay;
}

/** A whole generation over another: only what differs is written. */
function overlayAfresh(connection: Connection, reader: StreamReader): OverlayView {
  const overlay = new OverlayView(reader.view);
  const gone = connection
    .query<{ id: number }>(
      `SELECT id FROM record WHERE chain = x''
        EXCEPT SELECT id FROM staged.record WHERE chain = x''`,
    )
    .all();
  for (const { id } of gone) overlay.remove(id);
  for (const record of recordsByModified(connection, 'staged.record')) {
    const held = reader.view.byId(record.id);
    if (held === undefined || !isSame(held, record)) overlay.put(record);
  }
  return overlay;
}

/** Under a right signature all fields are one record's. Those of an unchecked one may not be what it was signed for. */
function isSame(held: SignedRecord, record: SignedRecord): boolean {
  const hasLinks = held.prev === record.prev && held.prevChange === record.prevChange;
  return hasLinks && bytesEqual(held.signature, record.signature);
}

function apply(
  connection: Connection,
  overlay: OverlayView,
  { isAfresh, allowMissing }: { readonly isAfresh: boolean; readonly allowMissing: boolean },
): void {
  const { removed, puts } = overlay.changed();
  const steps: Step[] = [
    ...removed.map((id): Step => ({ kind: 'remove', id })),
    ...puts.map((record): Step => ({ kind: 'put', record })),
  ];
  // Between two generations of one history this order never collides; between any two it may, so
  // every row that changes first steps aside.
  if (isAfresh) {
    const aside = connection.query(
      "UPDATE record SET modified = -id, prevchange = -id WHERE chain = x'' AND id = ?",
    );
    for (const record of puts) aside.run(record.id);
  }
  const value = connection.query<{ value: Uint8Array }>(
    `SELECT value FROM staged.record WHERE chain = x'' AND hash = ? AND value IS NOT NULL LIMIT 1`,
  );
  new RowWriter(connection, { allowMissing }).applySteps(steps, (hash) => value.get(hash)?.value);
}

/** The stored trie with every name that changed set to the record that now counts, or taken out. */
function changeTrie(reader: StreamReader, overlay: OverlayView): OpenTrie {
  const open = reader.openTrie();
  for (const { type, key } of changedNames(reader, overlay)) {
    if (isSnapshot({ type, key })) continue;
    const [record] = overlay.byKey(type, key);
    if (record === undefined) open.trie.delete(type, key);
    else open.trie.set(record);
  }
  return open;
}

function changedNames(reader: StreamReader, overlay: OverlayView): { type: string; key: string }[] {
  const { removed, puts } = overlay.changed();
  const before = [...removed, ...puts.map((record) => record.id)].map((id) => reader.view.byId(id));
  return [...before.filter((record) => record !== undefined), ...puts];
}

function readSnapshot(
  overlay: OverlayView,
  readValue: (id: number) => Uint8Array | undefined,
): Snapshot | undefined {
  const [record] = overlay.byKey(PROTOCOL_TYPE, SNAPSHOT_KEY);
  const value = record && readValue(record.id);
  if (value === undefined) return undefined;
  try {
    return decodeSnapshot(value);
  } catch (error) {
    // Another program may have a record of this name; it is not a snapshot then.
    if (isDrayerError(error, 'MALFORMED')) return undefined;
    throw error;
  }
}

function isSnapshot({ type, key }: { readonly type: string; readonly key: string }): boolean {
  return type === PROTOCOL_TYPE && key === SNAPSHOT_KEY;
}
