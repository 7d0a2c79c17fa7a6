/**
 * The snapshot trie of a stream file (R21): its inner nodes in a local table, loaded as they are
 * needed. Where they are missing or stale the trie is built anew from the records.
 */
import type { ChainView } from '../core/chain.ts';
import { DrayerError } from '../core/errors.ts';
import { type Draft, PROTOCOL_TYPE, type SignedRecord, SNAPSHOT_KEY } from '../core/record.ts';
import { SnapshotTrie, type TrieChild, type TrieNode, type TrieSource } from '../core/trie.ts';
import { positionOf } from '../core/trie-hash.ts';
import type { Connection } from './database.ts';
import { type LocalState, NO_TRIE, saveLocalState, type TrieRoot } from './local-state.ts';

/** A trie ready to be changed, and whether what is stored is its base. */
export type OpenTrie = {
  readonly trie: SnapshotTrie;
  /** False: built from the records; saving it replaces all that is stored. */
  readonly isStored: boolean;
};

/**
 * Opens the stored trie, or builds one from the records where `state` knows none.
 *
 * @param records - the winners (R10) of all types and keys, asked for only when building
 */
export function openTrie(
  connection: Connection,
  view: ChainView,
  state: LocalState | undefined,
  records: () => Iterable<SignedRecord>,
): OpenTrie {
  if (state === undefined || state.trie.nextNode === 0) {
    return { trie: buildTrie(records()), isStored: false };
  }
  return { trie: new SnapshotTrie(new StoredTrie(connection, view, state.trie)), isStored: true };
}

/** Builds the trie of these records in memory. The snapshot is left out, as R21 says. */
export function buildTrie(records: Iterable<Draft>): SnapshotTrie {
  return SnapshotTrie.of(withoutSnapshot(records));
}

function* withoutSnapshot(records: Iterable<Draft>): Generator<Draft, void> {
  for (const record of records) if (!isSnapshot(record)) yield record;
}

/**
 * Saves a trie's changes and the number of records, for the tip as it now is. Called last inside
 * the write transaction that changed the records.
 *
 * @param open - undefined for a stream without snapshots
 */
export function saveTrie(
  connection: Connection,
  view: ChainView,
  open: OpenTrie | undefined,
  count: number,
): void {
  if (open === undefined) {
    saveLocalState(connection, view, { count, trie: NO_TRIE });
    return;
  }
  if (!open.isStored) connection.run('DELETE FROM drayer_trie');
  const { root, nextNodeId, saved, dropped } = open.trie.changes();
  const drop = connection.query('DELETE FROM drayer_trie WHERE id = ?');
  for (const id of dropped) drop.run(id);
  const save = connection.query(
    `INSERT OR REPLACE INTO drayer_trie (id, bit, left_ref, left_hash, right_ref, right_hash)
      VALUES (?, ?, ?, ?, ?, ?)`,
  );
  // In the order of their rows: they are handed over as they stand in the trie, which is any order.
  for (const { id, bit, left, right } of [...saved].sort((a, b) => a.id - b.id)) {
    save.run(id, bit, left.ref, left.hash, right.ref, right.hash);
  }
  const trie: TrieRoot = { ref: root?.ref, hash: root?.hash, nextNode: Math.max(1, nextNodeId) };
  saveLocalState(connection, view, { count, trie });
}

type NodeRow = {
  readonly bit: number;
  readonly left_ref: number;
  readonly left_hash: Uint8Array;
  readonly right_ref: number;
  readonly right_hash: Uint8Array;
};

/** The nodes in `drayer_trie`, as core reads them. */
class StoredTrie implements TrieSource {
  readonly #connection: Connection;
  readonly #view: ChainView;
  readonly #root: TrieRoot;

  constructor(connection: Connection, view: ChainView, root: TrieRoot) {
    this.#connection = connection;
    this.#view = view;
    this.#root = root;
  }

  root(): TrieChild | undefined {
    const { ref, hash } = this.#root;
    return ref === undefined || hash === undefined ? undefined : { ref, hash };
  }

  node(id: number): TrieNode {
    const row = this.#connection
      .query<NodeRow>(
        'SELECT bit, left_ref, left_hash, right_ref, right_hash FROM drayer_trie WHERE id = ?',
      )
      .get(id);
    if (row === undefined) throw this.#damaged(`node ${id} is missing`);
    return {
      id,
      bit: row.bit,
      left: { ref: row.left_ref, hash: row.left_hash },
      right: { ref: row.right_ref, hash: row.right_hash },
    };
  }

  nextNodeId(): number {
    return this.#root.nextNode;
  }

  positionOf(recordId: number): Uint8Array {
    const { type, key } = this.record(recordId);
    return positionOf(type, key);
  }

  record(recordId: number): SignedRecord {
    const record = this.#view.byId(recordId);
    if (record === undefined) throw this.#damaged(`record ${recordId} is missing`);
    return record;
  }

  #damaged(what: string): DrayerError {
    const hint = 'run: drayer verify';
    const message = `${this.#connection.path}: the stored trie does not fit the records: ${what}`;
    return new DrayerError('STREAM_INVALID', message, { hint });
  }
}

function isSnapshot(record: Draft): boolean {
  return record.type === PROTOCOL_TYPE && record.key === SNAPSHOT_KEY;
}
