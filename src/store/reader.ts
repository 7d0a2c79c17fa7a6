/**
 * Reading a stream file: what the server, `ls`, `cat`, `info` and `verify` stand on. A reader is
 * one connection that never writes; a {@link Stream} reads through one over its own connection.
 */
import type { ChainView } from '../core/chain.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import type { Proof } from '../core/proof.ts';
import {
  bytesEqual,
  type Micros,
  PROTOCOL_TYPE,
  type SignedRecord,
  SNAPSHOT_KEY,
} from '../core/record.ts';
import { decodeSnapshot, type Snapshot } from '../core/snapshot.ts';
import type { Connection } from './database.ts';
import { type ListItem, type ListOptions, Lists, type ValuedRecord } from './lists.ts';
import { LocalAttributes } from './local-attributes.ts';
import { countRecords, type LocalState, readLocalState } from './local-state.ts';
import { readPublicKey } from './schema.ts';
import { Selects, SqliteView, valueSql } from './sqlite-view.ts';
import { type OpenTrie, openTrie } from './trie-store.ts';

/** One state of a stream, as its tips and its snapshot tell it. */
export type Generation = {
  /** Highest `modified`; 0 for an empty stream. */
  readonly tip: Micros;
  /** Highest id; 0 for an empty stream. */
  readonly idTip: number;
  /** Number of live records, the snapshot included. */
  readonly count: number;
  /** What the newest snapshot says; undefined for a stream without one. */
  readonly snapshot: Snapshot | undefined;
  /** The newest snapshot's record, with its value. */
  readonly snapshotRecord: SignedRecord | undefined;
  /** Whether the snapshot is the tip: nothing was written after it. */
  readonly covered: boolean;
};

/** A record of the newest snapshot's generation, or its absence, with what proves it (R23). */
export type ProvenRecord = {
  /** With its value. */
  readonly snapshotRecord: SignedRecord;
  /** Without its value; undefined where there is no such record. */
  readonly record: SignedRecord | undefined;
  readonly proof: Proof;
};

/** Which records to go through; `from` only beside a type. */
export type Entries = { readonly type?: string | undefined; readonly from?: string | undefined };

/** A stream file, read. {@link StreamReader.close} may be called twice. */
export class StreamReader {
  /** The file, as it was given. */
  readonly path: string;
  /** The stream id: the public key in base64. */
  readonly id: string;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The live records, as core reads them. */
  readonly view: ChainView;
  readonly #connection: Connection;
  readonly #lists: Lists;
  readonly #hasTables: boolean;
  readonly #valueSql: ReturnType<typeof valueSql>;
  // Counted and built where a foreign file has no local tables; good for one tip.
  #counted: { tip: Uint8Array; count: number } | undefined;
  #built: { tip: Uint8Array; open: OpenTrie } | undefined;

  /** Use {@link openReader}. */
  constructor(connection: Connection, local: { hasIndexes: boolean; hasTables: boolean }) {
    const selects = new Selects(local.hasIndexes);
    this.path = connection.path;
    this.publicKey = readPublicKey(connection);
    this.id = Buffer.from(this.publicKey).toString('base64');
    this.view = new SqliteView(connection, selects, () => this.#count());
    this.#connection = connection;
    this.#lists = new Lists(connection, selects);
    this.#hasTables = local.hasTables;
    this.#valueSql = valueSql(selects);
  }

  /** Returns the state of the stream: a few look-ups, whatever its size. */
  generation(): Generation {
    return this.reading(() => {
      const { view } = this;
      const tip = view.modifiedTip();
      const record = this.findRecord(PROTOCOL_TYPE, SNAPSHOT_KEY);
      const value = record && this.readValue(record);
      const snapshot = value && readSnapshot(value);
      return {
        tip,
        idTip: view.idTip(),
        count: view.count(),
        snapshot,
        snapshotRecord: snapshot && record && { ...record, value },
        covered: snapshot !== undefined && record?.modified === tip,
      };
    });
  }

  /** Returns the record that counts for this type and key (R10), without its value. */
  findRecord(type: string, key: string): SignedRecord | undefined {
    return this.view.byKey(type, key)[0];
  }

  /**
   * The same.
   *
   * @throws {DrayerError} RECORD_NOT_FOUND when there is none
   */
  getRecord(type: string, key: string): SignedRecord {
    const record = this.findRecord(type, key);
    if (record !== undefined) return record;
    throw new DrayerError('RECORD_NOT_FOUND', `${this.id} has no ${type} ${JSON.stringify(key)}`);
  }

  /** Returns a record's value, or undefined where it is wanted or the record is gone. */
  readValue(record: { readonly id: number }): Uint8Array | undefined {
    const row = this.#connection.query<{ value: unknown }>(this.#valueSql.value).get(record.id);
    return row?.value instanceof Uint8Array ? row.value : undefined;
  }

  /** Returns the length of a record's value in bytes, without reading it. */
  valueSize(record: { readonly id: number }): number | undefined {
    const row = this.#connection.query<{ size: number | null }>(this.#valueSql.size).get(record.id);
    return row?.size ?? undefined;
  }

  /**
   * Returns the bytes of a value from `start` to `end`, exclusive. SQLite reads the value up to
   * there: 1 ms for each MB. For many parts of one value, read it once.
   */
  readValueSlice(
    record: { readonly id: number },
    start: number,
    end: number,
  ): Uint8Array | undefined {
    const row = this.#connection
      .query<{ value: unknown }>(this.#valueSql.slice)
      .get(start + 1, Math.max(0, end - start), record.id);
    return row?.value instanceof Uint8Array ? row.value : undefined;
  }

  /** Returns a record with this hash, without its value. */
  findByHash(hash: Uint8Array): SignedRecord | undefined {
    return this.#lists.byHash(hash);
  }

  /** Returns at most `limit` records with a higher `modified`, ascending, without values. */
  recordsSince(modified: Micros, limit: number): SignedRecord[] {
    return this.#lists.since(modified, limit);
  }

  /** The same, each with the length of its value, and those of at most `inlineBytes` with the value. */
  valuesSince(modified: Micros, limit: number, inlineBytes: number): ValuedRecord[] {
    return this.#lists.valuesSince(modified, limit, inlineBytes);
  }

  /**
   * Returns the record with the greatest `prevChange` not above `old` (crdr), without its value.
   */
  findRepairRecord(old: Micros): SignedRecord | undefined {
    return this.#lists.repair(old);
  }

  /** Returns the names of a type's records, the newest first. */
  listByType(type: string, options: ListOptions): ListItem[] {
    return this.#lists.ofType(type, options);
  }

  /**
   * The records that count, of one type or of all, ordered by type and key, without values; those of a
   * type from a key on, inclusive.
   */
  entries({ type, from }: Entries = {}): IterableIterator<SignedRecord> {
    return this.#lists.entries(type, from);
  }

  /** Ids of the records that lose to another one of their type and key (R10). */
  losers(): number[] {
    return this.#lists.losers();
  }

  /**
   * Proves that a record, or its absence, belongs to the newest snapshot (R23).
   *
   * @throws {DrayerError} RECORD_NOT_FOUND when the stream has no snapshot
   * @throws {DrayerError} SNAPSHOT_MISMATCH when the snapshot does not cover what is stored
   */
  prove(type: string, key: string): ProvenRecord {
    return this.reading(() => {
      const { snapshot, snapshotRecord, covered } = this.generation();
      if (snapshot === undefined || snapshotRecord === undefined) {
        throw new DrayerError(
          'RECORD_NOT_FOUND',
          `${this.id} has no snapshot to prove anything with`,
        );
      }
      const { trie } = this.#provingTrie();
      if (!covered || !bytesEqual(trie.root(), snapshot.root)) {
        const message = `${this.id}: records were written after the newest snapshot`;
        throw new DrayerError('SNAPSHOT_MISMATCH', message);
      }
      const record = this.findRecord(type, key);
      return { snapshotRecord, record, proof: trie.prove(type, key) };
    });
  }

  /** Opens the trie over the live records, to be changed or asked for its root. */
  openTrie(): OpenTrie {
    const records = (): Iterable<SignedRecord> => this.#lists.entries();
    return openTrie(this.#connection, this.view, this.localState(), records);
  }

  /** What our local tables know of the stream as it is now; undefined where that is nothing. */
  localState(): LocalState | undefined {
    return this.#hasTables ? readLocalState(this.#connection, this.view) : undefined;
  }

  /** A fact about this copy, of this machine only; undefined where there is none. */
  attribute(name: string): string | undefined {
    return this.#hasTables ? new LocalAttributes(this.#connection).get(name) : undefined;
  }

  /** Counts the records with a higher `modified`. */
  countSince(modified: Micros): number {
    return this.#lists.countSince(modified);
  }

  /** Whether the value of a record with a higher `modified` is not held. */
  lacksSince(modified: Micros): boolean {
    return this.#lists.lacksSince(modified);
  }

  /**
   * Opens a read transaction that lasts over many ticks, for a response that is sent as fast as its
   * reader takes it. Erased bytes stay in the file meanwhile: only on a connection of its own.
   *
   * @returns what ends it; may be called twice
   */
  pin(): () => void {
    return this.#connection.pin();
  }

  /** Runs `body` in one read transaction: all it reads is of one generation. */
  reading<T>(body: () => T): T {
    return this.#connection.reading(body);
  }

  /** A number that changes when another connection commits to this file. */
  changeCounter(): number {
    return this.#connection.changeCounter();
  }

  /** Whether it reads the file as it was when it was opened, whatever becomes of it: it can only be copied. */
  get isCopy(): boolean {
    return this.#connection.isCopy;
  }

  /** Closes the file. */
  close(): void {
    this.#connection.close();
  }

  #count(): number {
    const state = this.localState();
    if (state !== undefined) return state.count;
    const tip = this.#tip();
    if (this.#counted === undefined || !bytesEqual(this.#counted.tip, tip)) {
      this.#counted = { tip, count: countRecords(this.#connection) };
    }
    return this.#counted.count;
  }

  // A built one takes long, so it is kept for as long as the tip stays.
  #provingTrie(): OpenTrie {
    const tip = this.#tip();
    if (this.#built !== undefined && bytesEqual(this.#built.tip, tip)) return this.#built.open;
    const open = this.openTrie();
    if (!open.isStored) this.#built = { tip, open };
    return open;
  }

  #tip(): Uint8Array {
    return this.view.byModified(this.view.modifiedTip())?.signature ?? new Uint8Array();
  }
}

function readSnapshot(value: Uint8Array): Snapshot | undefined {
  try {
    return decodeSnapshot(value);
  } catch (error) {
    // Another program may have a record of this name; it is not a snapshot then.
    if (isDrayerError(error, 'MALFORMED')) return undefined;
    throw error;
  }
}
