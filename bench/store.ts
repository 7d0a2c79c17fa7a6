/** The library on a stream of 100,000 tiny records, and the two crypto suites. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { loadNative } from '../src/crypto/native.ts';
import { portable } from '../src/crypto/portable.ts';
import type { Suite } from '../src/crypto/suite.ts';
import { createStream } from '../src/index.ts';
import { median, run } from './measure.ts';
import type { Bench } from './publish.ts';
import type { Row } from './report.ts';

const RECORDS = 100_000;

/** Creating, opening, reading and writing a stream of 100,000 records. */
export async function* benchStore(bench: Bench): AsyncGenerator<Row> {
  const work = join(bench.root, 'store');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const path = join(work, 'tiny.stream');
  const stream = createStream(path);
  let start = performance.now();
  stream.transaction((tx) => {
    for (let i = 0; i < RECORDS; i += 1) tx.set(`key-${i}`, i);
  });
  const bulk = performance.now() - start;

  const plain = plainTable(join(work, 'plain.db'));
  start = performance.now();
  plain.fill();
  yield {
    what: 'library, 100,000 records in one batch',
    ours: bulk,
    baseline: performance.now() - start,
    unit: 'ms',
    baselineName: 'the same rows merely inserted',
  };

  const puts = 200;
  start = performance.now();
  for (let i = 0; i < puts; i += 1) stream.set(`key-${i * 7}`, `new ${i}`);
  const put = (performance.now() - start) / puts;
  start = performance.now();
  for (let i = 0; i < puts; i += 1) plain.update(`key-${i * 7}`, `new ${i}`);
  yield {
    what: 'library, one put of 100,000 records',
    ours: put,
    baseline: (performance.now() - start) / puts,
    unit: 'ms',
    baselineName: 'one UPDATE and COMMIT, synchronous=FULL',
  };
  stream.close();
  plain.close();

  const script = join(work, 'read-one.mjs');
  const index = join(bench.cli, '..', '..', 'index.js');
  writeFileSync(
    script,
    `import { openStream } from ${JSON.stringify(index)};
     const stream = openStream(process.argv[2]);
     if (stream.get('key-99998') !== 99998) throw new Error('wrong value');
     stream.close();`,
  );
  // The libraries themselves have to be loaded by any program that reads SQLite and checks keys.
  const loaded = join(work, 'load.mjs');
  writeFileSync(loaded, `await import(${JSON.stringify(index)});`);
  const read = await median(7, () => run(process.execPath, [script, path]));
  const nothing = await median(7, () => run(process.execPath, [loaded]));
  yield {
    what: 'library, open 100,000 and read one',
    ours: read.ms - nothing.ms,
    baseline: nothing.ms,
    unit: 'ms',
    baselineName: 'a process that imports drayer and ends',
    limit: 50,
  };
}

/** Signatures a second and bytes a second of both suites. */
export function* benchCrypto(): Generator<Row> {
  const native = loadNative();
  const { publicKey, secretKey } = native.keyPairFromSeed(new Uint8Array(32).fill(7));
  const message = new Uint8Array(136).fill(1);
  const signature = native.sign(message, secretKey);
  const bytes = new Uint8Array(65_536).fill(3);
  const verifyRate = (suite: Suite, times: number) =>
    rate(times, () => {
      if (!suite.verify(signature, message, publicKey)) throw new Error('wrong verdict');
    });
  yield {
    what: 'verify signatures, native',
    ours: verifyRate(native, 5_000),
    baseline: verifyRate(portable, 60),
    unit: '/s',
    baselineName: 'the portable suite',
  };
  yield {
    what: 'hash 64 KB, native',
    ours: (rate(1_000, () => native.hash(bytes)) * bytes.length) / 1e6,
    baseline: (rate(100, () => portable.hash(bytes)) * bytes.length) / 1e6,
    unit: 'MB/s',
    baselineName: 'the portable suite',
  };
}

function rate(times: number, body: () => void): number {
  body();
  const start = performance.now();
  for (let i = 0; i < times; i += 1) body();
  return times / ((performance.now() - start) / 1000);
}

function plainTable(path: string): {
  fill(): void;
  update(key: string, value: string): void;
  close(): void;
} {
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec('CREATE TABLE item (key TEXT PRIMARY KEY, value TEXT)');
  const insert = database.prepare('INSERT INTO item VALUES (?, ?)');
  const update = database.prepare('UPDATE item SET value = ? WHERE key = ?');
  return {
    fill: database.transaction(() => {
      for (let i = 0; i < RECORDS; i += 1) insert.run(`key-${i}`, String(i));
    }),
    update: (key, value) => {
      update.run(value, key);
    },
    close: () => {
      database.close();
    },
  };
}
