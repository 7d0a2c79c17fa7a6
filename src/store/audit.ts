/**
 * Checks a whole stream file: every row, every value, every signature, both chains, the snapshot.
 * It changes nothing but the note that signatures are still to be checked, trusts nothing that was worked
 * out earlier (the stored trie, the count), and returns what it found instead of stopping at the first
 * fault. R1–R4, R10, R20–R22.
 */
import { statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { idLinks, isSnapshot, type Link, modifiedLinks } from '../core/chain.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual, type SignedRecord } from '../core/record.ts';
import { verifyRecord } from '../core/signing.ts';
import { emptyTrieSource, SnapshotTrie } from '../core/trie.ts';
import { noteChecked } from './check-signatures.ts';
import type { Connection } from './database.ts';
import { openReadable, openReader } from './open-reader.ts';
import { type Generation, StreamReader } from './reader.ts';
import { COLUMNS, type RecordRow, recordOf } from './rows.ts';
import { checkSchema } from './schema.ts';
import { uncheckedOf } from './unchecked.ts';

/** One thing that is wrong. */
export type AuditFinding = {
  /** What was being checked. */
  readonly check: 'file' | 'record' | 'id chain' | 'modified chain' | 'name' | 'snapshot';
  /** The record it is about; undefined when it is about the stream. */
  readonly record?:
    | { readonly id: number; readonly type: string; readonly key: string }
    | undefined;
  /** What was expected and what was found. */
  readonly message: string;
};

/** What {@link verifyStream} found. Without findings the stream is exactly what its key has signed. */
export type AuditReport = {
  /** The stream id, base64. */
  readonly id: string;
  /** Live records. */
  readonly records: number;
  /** Records whose value is held, and the bytes of those values. */
  readonly values: number;
  readonly bytes: number;
  /** Records whose value is not held: no fault, but the mirror is not complete. */
  readonly wanted: number;
  /**
   * `proved`: the newest snapshot covers exactly these records. `none`: the stream has no snapshots.
   * `uncovered`: a program that knows none wrote after the newest. `wrong`: it says something else.
   */
  readonly snapshot: 'proved' | 'none' | 'uncovered' | 'wrong';
  /** Number of the newest snapshot, if any. */
  readonly seq: number | undefined;
  /** At most 1000; {@link AuditReport.faults} counts them all. */
  readonly findings: readonly AuditFinding[];
  /** How many there are in all. */
  readonly faults: number;
};

/** Options of {@link verifyStream}. */
export type AuditOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the records checked so far and their number. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
};

/** Findings that are kept; the others are counted. */
export const MAX_FINDINGS = 1000;

/**
 * Checks a stream file. Sees one generation, whatever others write meanwhile, and lets the event
 * loop run every few milliseconds.
 *
 * @throws {DrayerError} STREAM_NOT_FOUND, STREAM_INVALID when the file is no stream at all
 * @throws {DrayerError} ABORTED when `signal` says so
 */
export async function verifyStream(path: string, options: AuditOptions = {}): Promise<AuditReport> {
  // Gives a foreign file its indexes, without which the chains take a scan for each record.
  openReader(path).close();
  const file = inodeOf(path);
  const connection = openReadable(path);
  let isOwed: boolean;
  let report: AuditReport;
  try {
    connection.run('BEGIN');
    const reader = new StreamReader(connection, checkSchema(connection));
    isOwed = uncheckedOf(reader) !== undefined;
    report = await new Audit(connection, reader, options).run();
  } finally {
    connection.close();
  }
  if (isOwed && report.faults === 0 && inodeOf(path) === file) noteChecked(path);
  return report;
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

type Row = RecordRow & { readonly value: unknown; readonly place: number };

// One row at a time: a value may have 64 MB. Straight from the table, for the covering index that
// everything else reads holds a copy of what may be damaged here.
const NEXT_ROW = `SELECT ${COLUMNS}, c.value AS value, c.rowid AS place
  FROM record AS c NOT INDEXED WHERE c.rowid > ? AND c.chain = x'' ORDER BY c.rowid LIMIT 1`;

const TICK_MS = 10;

class Audit {
  readonly #connection: Connection;
  readonly #reader: StreamReader;
  readonly #options: AuditOptions;
  readonly #trie = new SnapshotTrie(emptyTrieSource());
  readonly #findings: AuditFinding[] = [];
  #faults = 0;
  #records = 0;
  #values = 0;
  #bytes = 0;
  #tickedAt = performance.now();

  constructor(connection: Connection, reader: StreamReader, options: AuditOptions) {
    this.#connection = connection;
    this.#reader = reader;
    this.#options = options;
  }

  async run(): Promise<AuditReport> {
    const generation = this.#reader.generation();
    await this.#checkRows(generation);
    await this.#checkLinks('id chain', idLinks(this.#reader.view), (record) => record.prev);
    await this.#checkLinks(
      'modified chain',
      modifiedLinks(this.#reader.view),
      (record) => record.prevChange,
    );
    const snapshot = this.#checkSnapshot(generation);
    return {
      id: this.#reader.id,
      records: this.#records,
      values: this.#values,
      bytes: this.#bytes,
      wanted: this.#records - this.#values,
      snapshot,
      seq: generation.snapshot?.seq,
      findings: this.#findings,
      faults: this.#faults,
    };
  }

  async #checkRows(generation: Generation): Promise<void> {
    const query = this.#connection.query<Row>(NEXT_ROW);
    const first = Number.MIN_SAFE_INTEGER;
    for (let row = query.get(first); row !== undefined; row = query.get(row.place)) {
      this.#records += 1;
      this.#checkRow(row, generation);
      await this.#tick(generation.count);
    }
    if (this.#records !== generation.count) {
      this.#report({
        check: 'file',
        message: `expected ${generation.count} records in the table, got ${this.#records}`,
      });
    }
  }

  #checkRow(row: Row, generation: Generation): void {
    const value = row.value instanceof Uint8Array ? row.value : undefined;
    if (value !== undefined) {
      this.#values += 1;
      this.#bytes += value.length;
    } else if (row.value !== null) {
      this.#report({ check: 'record', message: `record ${row.id}: its value is not a blob` });
    }
    const record = this.#collect('record', () => recordOf(row, this.#reader.path));
    if (record === undefined) return;
    this.#collect(
      'record',
      () => verifyRecord({ ...record, value }, this.#reader.publicKey),
      record,
    );
    this.#checkIndex(record);
    this.#checkName(record, generation);
  }

  /** What look-ups find is what the table holds. */
  #checkIndex(record: SignedRecord): void {
    const found = this.#reader.view.byId(record.id);
    if (found !== undefined && isSameRecord(found, record)) return;
    this.#report({
      check: 'file',
      record,
      message: `record ${record.id}: the index and the table differ`,
    });
  }

  /** R10: two records of one name have no place in a snapshot. */
  #checkName(record: SignedRecord, generation: Generation): void {
    if (generation.snapshot === undefined || isSnapshot(record)) return;
    this.#trie.set(record);
    const [winner] = this.#reader.view.byKey(record.type, record.key);
    if (winner === undefined || winner.id === record.id) return;
    this.#report({
      check: 'name',
      record,
      message: `record ${record.id}: expected one record of this type and key, record ${winner.id} is another`,
    });
  }

  async #checkLinks(
    check: 'id chain' | 'modified chain',
    links: Iterable<Link>,
    actual: (record: SignedRecord) => number,
  ): Promise<void> {
    const field = check === 'id chain' ? 'prev' : 'prevChange';
    const chain = links[Symbol.iterator]();
    while (true) {
      // Throws at a row that cannot be a record; the chain ends there for every reader.
      const next = this.#collect(check, () => chain.next());
      if (next === undefined || next.done === true) return;
      const { record, expected } = next.value;
      if (actual(record) !== expected) {
        const message = `record ${record.id}: expected ${field} ${expected}, got ${actual(record)}`;
        this.#report({ check, record, message });
      }
      await this.#tick(this.#records);
    }
  }

  #checkSnapshot(generation: Generation): AuditReport['snapshot'] {
    const { snapshot, covered } = generation;
    if (snapshot === undefined) return 'none';
    // Another program wrote last. Its records are signed; nothing proves that none is left out (R22).
    if (!covered) return 'uncovered';
    const found = this.#records - 1;
    if (snapshot.count !== found) {
      const message = `snapshot ${snapshot.seq}: expected ${snapshot.count} records below it, got ${found}`;
      this.#report({ check: 'snapshot', message });
      return 'wrong';
    }
    if (!bytesEqual(this.#trie.root(), snapshot.root)) {
      const message = `snapshot ${snapshot.seq}: its root is not that of these records`;
      this.#report({ check: 'snapshot', message });
      return 'wrong';
    }
    return 'proved';
  }

  /** Runs a check that throws; what it throws about the record becomes a finding. */
  #collect<T>(
    check: AuditFinding['check'],
    body: () => T,
    record?: SignedRecord | undefined,
  ): T | undefined {
    try {
      return body();
    } catch (error) {
      if (!isDrayerError(error)) throw error;
      this.#report({ check, record, message: error.message });
      return undefined;
    }
  }

  #report({ check, record, message }: AuditFinding): void {
    this.#faults += 1;
    if (this.#findings.length >= MAX_FINDINGS) return;
    const name = record && { id: record.id, type: record.type, key: record.key };
    this.#findings.push({ check, record: name, message });
  }

  async #tick(total: number): Promise<void> {
    if (performance.now() - this.#tickedAt < TICK_MS) return;
    this.#options.onProgress?.(this.#records, total);
    await setImmediate();
    if (this.#options.signal?.aborted) throw new DrayerError('ABORTED', 'verification was stopped');
    this.#tickedAt = performance.now();
  }
}

function isSameRecord(a: SignedRecord, b: SignedRecord): boolean {
  return (
    a.id === b.id &&
    a.type === b.type &&
    a.key === b.key &&
    a.timestamp === b.timestamp &&
    a.modified === b.modified &&
    a.prev === b.prev &&
    a.prevChange === b.prevChange &&
    bytesEqual(a.hash, b.hash) &&
    bytesEqual(a.signature, b.signature)
  );
}
