/**
 * A stream at a glance: what a publish wants to know first, whether there is anything to do. It reads a
 * few rows, and loads little of what opening a stream takes. Whatever is not as a publish
 * has left it is none of its business: it says nothing then, and the stream is opened.
 */
import { existsSync } from 'node:fs';
import { isDrayerError } from '../core/errors.ts';
import { bytesEqual, type Micros, PROTOCOL_TYPE, SNAPSHOT_KEY } from '../core/record.ts';
import { decodeSnapshot, type Snapshot } from '../core/snapshot.ts';
import { type Connection, connect } from './database.ts';
import { keyPathOf, publicKeyOf, readKeyFile } from './key-file.ts';
import { type Mark, markPathOf, readMark } from './mark.ts';
import { isWritable, sizeOf } from './stream-file.ts';

/** A stream as the last publish of a whole site has left it. */
export type Glance = {
  /** Base64. */
  readonly id: string;
  readonly publicKey: Uint8Array;
  readonly generation: GlancedGeneration;
  /** Of the listing of the files that were published; see `StatCache.complete`. */
  readonly digest: string;
};

/** What a glance tells of a generation. */
export type GlancedGeneration = {
  readonly tip: Micros;
  /** Number of live records, the snapshot included. */
  readonly count: number;
  readonly snapshot: Pick<Snapshot, 'seq' | 'root'> | undefined;
};

/**
 * Looks at a stream.
 *
 * @returns undefined where it is not there, cannot be written, its key does not lie beside it, its mark
 *   is not of this very state (R11), it has no snapshot, or anything in it waits to be done
 */
export function glanceAt(path: string): Glance | undefined {
  try {
    if (sizeOf(path) === 0 || existsSync(`${path}-journal`) || !isWritable(path)) return undefined;
    const publicKey = publicKeyOf(readKeyFile(keyPathOf(path)));
    const mark = readMark(markPathOf(path));
    if (mark === undefined) return undefined;
    const connection = connect(path);
    try {
      return connection.reading(() => glance(connection, publicKey, mark));
    } finally {
      connection.close();
    }
  } catch (error) {
    // What is wrong says whoever opens it.
    if (isDrayerError(error)) return undefined;
    throw error;
  }
}

// The snapshot has to be the tip: nothing was written after it.
const STATE_SQL = `SELECT
  (SELECT group_concat(value) FROM attr WHERE key = 'PublicKey') AS id,
  (SELECT max(id) FROM record WHERE chain = x'') AS idTip,
  (SELECT value FROM drayer_local WHERE name = 'stat') AS complete,
  (SELECT count(*) FROM drayer_local WHERE name IN ('compact', 'lifetime')) AS due,
  state.tip, state.count, type, key, record.value
  FROM drayer_state state LEFT JOIN record ON chain = x'' AND modified = state.tip
  WHERE one = 1 AND state.tip = (SELECT max(modified) FROM record WHERE chain = x'')`;

type StateRow = {
  readonly id: string | null;
  readonly idTip: number | null;
  readonly complete: string | null;
  readonly due: number;
  readonly tip: Micros;
  readonly count: number;
  /** Of the tip. */
  readonly type: string;
  readonly key: string;
  readonly value: Uint8Array;
};

function glance(connection: Connection, publicKey: Uint8Array, mark: Mark): Glance | undefined {
  const row = connection.query<StateRow>(STATE_SQL).get();
  if (row?.type !== PROTOCOL_TYPE || row.key !== SNAPSHOT_KEY || row.due > 0) return undefined;
  const { tip, count } = row;
  const { seq, root } = decodeSnapshot(row.value);
  const [rememberedAt, digest] = row.complete?.split(' ') ?? [];
  const isMarked = mark.modified === tip && mark.id === row.idTip && mark.seq === seq;
  const id = Buffer.from(publicKey).toString('base64');
  if (!isMarked || !bytesEqual(mark.root, root) || row.id !== id) return undefined;
  if (digest === undefined || Number(rememberedAt) !== tip) return undefined;
  return { id, publicKey, generation: { tip, count, snapshot: { seq, root } }, digest };
}
