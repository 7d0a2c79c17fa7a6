/** A program with the key that makes no snapshots, as the original is: writes into a stream file of ours. */

import { planBatch } from '../../src/core/plan-batch.ts';
import { hash } from '../../src/crypto/node.ts';
import { connect, prepareForWriting } from '../../src/store/database.ts';
import { StreamReader } from '../../src/store/reader.ts';
import { RowWriter } from '../../src/store/rows.ts';

/** Puts objects under these keys, each with its own name as value, in one transaction. */
export function writeForeign(path: string, secretKey: Uint8Array, keys: readonly string[]): void {
  const connection = connect(path);
  try {
    prepareForWriting(connection);
    connection.writing(() => {
      const { view } = new StreamReader(connection, { hasIndexes: true, hasTables: true });
      const values = keys.map((key) => new TextEncoder().encode(key));
      const puts = keys.map((key, i) => ({
        type: 'obj',
        key,
        hash: hash(values[i] as Uint8Array),
      }));
      const { steps } = planBatch(view, { puts, deletes: [] }, { now: 1, secretKey });
      new RowWriter(connection).applySteps(steps, (wanted) =>
        values.find((value) => Buffer.compare(hash(value), wanted) === 0),
      );
    });
  } finally {
    connection.close();
  }
}
