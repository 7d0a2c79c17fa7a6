/**
 * What we know about a stream file beyond its records: how many there are, and the root of its
 * trie. It says for which tip it was written. Every change by any program raises the tip (R5–R7),
 * so an original that wrote to the file in between is noticed, and what is stale is worked out
 * again.
 */
import type { ChainView } from '../core/chain.ts';
import { bytesEqual, type Micros } from '../core/record.ts';
import type { Connection } from './database.ts';

/** Where the stored trie begins. */
export type TrieRoot = {
  /** As in core's TrieChild; undefined for the trie of an empty set. */
  readonly ref: number | undefined;
  readonly hash: Uint8Array | undefined;
  /** Next node id to give out; 0 where no trie is stored. */
  readonly nextNode: number;
};

/** The one row of `drayer_state`. */
export type LocalState = { readonly count: number; readonly trie: TrieRoot };

/** No trie is stored. */
export const NO_TRIE: TrieRoot = { ref: undefined, hash: undefined, nextNode: 0 };

type StateRow = {
  readonly tip: Micros;
  readonly signature: Uint8Array;
  readonly count: number;
  readonly trie_ref: number | null;
  readonly trie_hash: Uint8Array | null;
  readonly next_node: number;
};

/** Returns the local state, or undefined where it is missing or was written for another tip. */
export function readLocalState(connection: Connection, view: ChainView): LocalState | undefined {
  const row = connection
    .query<StateRow>(
      'SELECT tip, signature, count, trie_ref, trie_hash, next_node FROM drayer_state WHERE one = 1',
    )
    .get();
  if (row === undefined) return undefined;
  const tip = tipOf(view);
  if (row.tip !== tip.modified || !bytesEqual(row.signature, tip.signature)) return undefined;
  const trie: TrieRoot = {
    ref: row.trie_ref ?? undefined,
    hash: row.trie_hash ?? undefined,
    nextNode: row.next_node,
  };
  return { count: row.count, trie };
}

/** Saves the local state for the tip as it now is. Called last inside a write transaction. */
export function saveLocalState(connection: Connection, view: ChainView, state: LocalState): void {
  const tip = tipOf(view);
  connection
    .query(
      `INSERT OR REPLACE INTO drayer_state
        (one, tip, signature, count, trie_ref, trie_hash, next_node) VALUES (1, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      tip.modified,
      tip.signature,
      state.count,
      state.trie.ref ?? null,
      state.trie.hash ?? null,
      state.trie.nextNode,
    );
}

/** Counts the records themselves: in proportion to their number. */
export function countRecords(connection: Connection): number {
  const sql = "SELECT count(*) AS n FROM record WHERE chain = x''";
  return connection.query<{ n: number }>(sql).get()?.n ?? 0;
}

function tipOf(view: ChainView): { modified: Micros; signature: Uint8Array } {
  const tip = view.byModified(view.modifiedTip());
  return tip ?? { modified: 0, signature: new Uint8Array() };
}
