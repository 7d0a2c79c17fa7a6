/**
 * Baseline of a cold publish: every file of a directory gzipped by two threads (this one and one
 * worker, half of the files each), then inserted as plain rows in one transaction. No signatures,
 * no chains, no checks. Level 6 is what gzip does unless told otherwise.
 * Usage: node gzip-insert.js DIRECTORY DATABASE [LEVEL]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';

const [directory, file, level = 6] = process.argv.slice(2);
const names = readdirSync(directory, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name));
const half = Math.floor(names.length / 2);

const worker = new Worker(
  `const { parentPort, workerData } = require('node:worker_threads');
   const { readFileSync } = require('node:fs');
   const { gzipSync } = require('node:zlib');
   for (const name of workerData.names) {
     const bytes = gzipSync(readFileSync(name), { level: workerData.level });
     parentPort.postMessage({ name, bytes });
   }
   parentPort.postMessage(undefined);`,
  { eval: true, workerData: { names: names.slice(half), level: Number(level) } },
);
const database = new Database(file);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
database.exec('CREATE TABLE file (id INTEGER PRIMARY KEY, name TEXT, value BLOB)');
const insert = database.prepare('INSERT INTO file (name, value) VALUES (?, ?)');

const rows = [];
const done = new Promise((resolve) => {
  worker.on('message', (row) => (row ? rows.push([row.name, row.bytes]) : resolve(undefined)));
});
for (const name of names.slice(0, half)) {
  rows.push([name, gzipSync(readFileSync(name), { level: Number(level) })]);
}
await done;
database.transaction(() => {
  for (const row of rows) insert.run(row);
})();
database.pragma('wal_checkpoint(TRUNCATE)');
database.close();
