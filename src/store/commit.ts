/**
 * Committing a batch (R11): in one write transaction the tip is read again, the batch is planned,
 * signed and stored; then the high-water mark is raised, on disk; only then does anybody hear of
 * it. The transaction is the lock between processes: it dies with its process.
 */
import { verify } from '#crypto';
import type { Batch } from '../core/batch.ts';
import type { Step } from '../core/chain.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { emptyView } from '../core/overlay.ts';
import { type Mark, planBatch } from '../core/plan-batch.ts';
import { bytesEqual, type Micros, type SignedRecord } from '../core/record.ts';
import { type BeginSigning, signedBytes } from '../core/signing.ts';
import { isHalfSpent } from '../core/snapshot.ts';
import type { Compactor } from './compactor.ts';
import type { Connection } from './database.ts';
import { nameOfHash } from './hash-name.ts';
import { isBehind, markOf, RECOVER_HINT, readMark, removeLeftMarks, writeMark } from './mark.ts';
import type { PreparedValues } from './prepared-values.ts';
import type { Generation, StreamReader } from './reader.ts';
import { RowWriter, type ValueSource } from './rows.ts';
import { pageBytesFor } from './schema.ts';
import { saveTrie } from './trie-store.ts';

/** What a {@link Committer} works with. */
export type CommitterOptions = {
  readonly connection: Connection;
  readonly reader: StreamReader;
  readonly compactor: Compactor;
  /** 64 bytes. */
  readonly secretKey: Uint8Array;
  readonly markPath: string;
  /** The clock, in micros. */
  readonly now: () => Micros;
  /** Whether generations end with a snapshot (R20). */
  readonly hasSnapshots: boolean;
  /** How long visitors may take a generation for fresh; for ever by default. */
  readonly lifetimeMicros?: number | undefined;
};

/** Prepared bytes from which a batch is worth the change of journals. */
const BULK_BYTES = 8 * 1024 * 1024;

/** A batch, or what makes one from the stream as it is inside the transaction. */
export type BatchSource = Batch | (() => Batch);

/** How a batch is committed. */
export type CommitOptions = {
  /** Who signs; see {@link BeginSigning}. */
  readonly beginSigning?: BeginSigning | undefined;
};

/** Where the values of a batch come from, in this order. */
export type CommitValues = {
  /** Takes up what the commit itself has to keep for a moment, too. */
  readonly prepared: PreparedValues;
  readonly given?: ValueSource | undefined;
  /**
   * Makes a new snapshot also where nothing else changes, if half of its lifetime is over (R20).
   */
  readonly renew?: boolean | undefined;
};

/** Commits batches of one stream. Lives as long as its connection. */
export class Committer {
  readonly #options: CommitterOptions;
  readonly #rows: RowWriter;
  #failure: DrayerError | undefined;

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#rows = new RowWriter(options.connection);
  }

  /**
   * Commits a batch.
   *
   * A put that changes neither the value nor a given timestamp, and a delete of what is not there,
   * are left out. Where nothing is left, nothing is signed or written.
   *
   * @returns the new generation, or undefined when nothing changed
   * @throws {DrayerError} STREAM_BUSY when another process is writing for longer than 5 s
   * @throws {DrayerError} STREAM_BEHIND_MARK when the file is older than what this key has signed
   * @throws {DrayerError} STREAM_INVALID when a record that must be signed again is damaged
   */
  commit(
    source: BatchSource,
    values: CommitValues,
    { beginSigning }: CommitOptions = {},
  ): Generation | undefined {
    const { connection, reader, compactor } = this.#options;
    const { prepared } = values;
    const isBulk = prepared.bytes >= BULK_BYTES && connection.useRollbackJournal();
    let mark: Mark | undefined;
    try {
      // While it is empty: every page is written anew for that.
      if (isBulk && reader.view.modifiedTip() === 0) {
        this.#noting(() => connection.layOut(pageBytesFor(prepared.count)));
      }
      mark = this.#writing(() => {
        const held = reader.generation();
        const known = this.#checkMark(held);
        const batch = typeof source === 'function' ? source() : source;
        return this.#apply(this.#settle(batch, held), { held, known, values, beginSigning });
      });
    } finally {
      if (isBulk) connection.useLog();
    }
    if (mark === undefined) return undefined;
    this.raiseMark(mark);
    // R7: what was deleted or replaced is erased in the log too.
    compactor.rest();
    return reader.generation();
  }

  /** Raises the mark to what the stream has: after a crash between commit and mark (R11). */
  catchUp(): void {
    try {
      const { tip } = this.#options.reader.generation();
      if (tip !== 0 && readMark(this.#options.markPath)?.modified !== tip) this.raiseMark();
    } catch (error) {
      // Reading goes on whatever the mark says; the next commit looks at it again and says so.
      if (!isDrayerError(error)) throw error;
    }
  }

  /**
   * Raises the mark to the stream's newest state. Reads that state under the write lock, so that of
   * two processes the slower one never lowers it.
   */
  raiseMark(committed?: Mark): void {
    const { connection, reader, markPath } = this.#options;
    try {
      connection.writing(() => {
        const held = reader.generation();
        const mark = committed?.modified === held.tip ? committed : markOf(held);
        const known = readMark(markPath);
        if (!isBehind(held, known)) writeMark(markPath, mark);
        if (committed === undefined) removeLeftMarks(markPath);
      });
    } catch (error) {
      // Whoever is writing so long raises the mark further than this, or dies and the next open
      // does.
      if (!isDrayerError(error, 'STREAM_BUSY')) throw error;
    }
  }

  #writing<T>(body: () => T): T {
    return this.#noting(() => this.#options.connection.writing(body));
  }

  #noting<T>(body: () => T): T {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return body();
    } catch (error) {
      // After a failed fsync nobody knows what the disk has; another try on this connection would
      // not find out.
      if (isDrayerError(error, 'STORAGE_FAILED') && isIoError(error.cause)) this.#failure = error;
      throw error;
    }
  }

  #checkMark(held: Generation): Mark | undefined {
    const known = readMark(this.#options.markPath);
    if (!isBehind(held, known)) return known;
    const message =
      `${this.#options.reader.path}: this file is older than what its key has signed; ` +
      'it was restored from a backup, or replaced';
    throw new DrayerError('STREAM_BEHIND_MARK', message, { hint: RECOVER_HINT });
  }

  // Inside the transaction, on the tip as it is: what another process did in between counts.
  #settle({ puts, deletes }: Batch, held: Generation): Batch {
    if (held.tip === 0) return { puts, deletes: [] };
    const { reader } = this.#options;
    return {
      puts: puts.filter((put) => {
        const record = reader.findRecord(put.type, put.key);
        if (record === undefined || !bytesEqual(record.hash, put.hash)) return true;
        return put.timestamp !== undefined && put.timestamp !== record.timestamp;
      }),
      deletes: deletes.filter(({ type, key }) => reader.findRecord(type, key) !== undefined),
    };
  }

  #apply(
    batch: Batch,
    at: CommitOptions & { held: Generation; known: Mark | undefined; values: CommitValues },
  ): Mark | undefined {
    const { connection, reader, now, secretKey, hasSnapshots, lifetimeMicros } = this.#options;
    const time = now();
    const renew = at.values.renew === true && isHalfSpent(at.held.snapshot, lifetimeMicros, time);
    if (batch.puts.length === 0 && batch.deletes.length === 0 && !renew) return undefined;
    const open = hasSnapshots ? reader.openTrie() : undefined;
    // What is empty need not be asked: a first publish has no look-ups.
    const view = at.held.tip === 0 ? emptyView() : reader.view;
    const { steps, mark } = planBatch(view, batch, {
      now: time,
      secretKey,
      beginSigning: at.beginSigning,
      mark: at.known,
      snapshot: open && { trie: open.trie, previous: at.held.snapshot, lifetimeMicros, renew },
      // Only another program leaves any, and what it wrote made our local state stale.
      losers: reader.localState() === undefined ? reader.losers() : [],
    });
    this.#prepareHeld(steps, at.values.prepared);
    const { inserted, removed } = this.#rows.applyPlan(steps, this.#sourceOf(at.values));
    saveTrie(connection, reader.view, open, at.held.count + inserted - removed);
    if (removed > 0) this.#options.compactor.note();
    return mark;
  }

  #sourceOf({ prepared, given }: CommitValues): ValueSource {
    const { reader } = this.#options;
    return (hash) => {
      const value = prepared.lend(hash) ?? given?.(hash);
      if (value !== undefined) return value;
      const twin = reader.findByHash(hash);
      return twin && reader.readValue(twin);
    };
  }

  // Looks at the rows the steps replace, before they do: checks what is signed again as it stands,
  // and saves the values that move to another row (a rename).
  #prepareHeld(steps: readonly Step[], prepared: PreparedValues): void {
    const { reader } = this.#options;
    const idTip = reader.view.idTip();
    // Where nothing is, nothing is replaced.
    if (idTip === 0) return;
    const leaving = new Map<string, number>();
    const needed: Uint8Array[] = [];
    for (const step of steps) {
      const id = step.kind === 'remove' ? step.id : step.record.id;
      const held = id > idTip ? undefined : reader.view.byId(id);
      const hash = step.kind === 'put' ? step.record.hash : undefined;
      if (held !== undefined && hash !== undefined && bytesEqual(held.hash, hash)) {
        this.#checkResigned(held);
        continue;
      }
      if (held !== undefined) leaving.set(nameOfHash(held.hash), id);
      if (hash !== undefined) needed.push(hash);
    }
    if (leaving.size === 0) return;
    for (const hash of needed) {
      const id = leaving.get(nameOfHash(hash));
      const value = id === undefined || prepared.has(hash) ? undefined : reader.readValue({ id });
      if (value !== undefined) prepared.put(hash, value);
    }
  }

  // A bit that has flipped on the disk must not get a new signature.
  #checkResigned(held: SignedRecord): void {
    const { reader } = this.#options;
    if (verify(held.signature, signedBytes(held), reader.publicKey)) return;
    const message = `${reader.path}: record ${held.id} is damaged and cannot be signed again`;
    throw new DrayerError('STREAM_INVALID', message, { hint: RECOVER_HINT });
  }
}

function isIoError(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && String(cause.code).startsWith('SQLITE_IOERR');
}
