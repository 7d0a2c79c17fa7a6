/**
 * Baseline of a cold mirror: a straight loop of fetch, hash, verify, insert over one reply of
 * newRecords/0, into the original's plain table. No staging, no chain checks, no snapshot.
 * Usage: node fetch-verify-insert.js URL KEY(base64url) DATABASE [unchecked]
 * `unchecked` neither hashes nor verifies: what fetching and inserting alone take.
 */
import Database from 'better-sqlite3';
import { Unpackr } from 'msgpackr';
import sodium from 'sodium-native';

const [url, key, file, unchecked] = process.argv.slice(2);
const publicKey = Buffer.from(key, 'base64url');
const reply = await fetch(`${url}/${key}/newRecords/0`);
if (!reply.ok) throw new Error(`HTTP ${reply.status}`);
const records = new Unpackr({
  int64AsType: 'number',
  mapsAsObjects: true,
  useRecords: false,
}).unpack(Buffer.from(await reply.arrayBuffer()));

const database = new Database(file);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
database.exec(
  'CREATE TABLE record (id integer, type text, key text, value blob, hash blob,timestamp integer, modified integer, prev integer, prevchange integer, signature blob, chain blob, UNIQUE(chain,modified),UNIQUE(chain,prevchange))',
);
const insert = database.prepare('INSERT INTO record VALUES (?,?,?,?,?,?,?,?,?,?,?)');
const none = Buffer.alloc(0);
const hash = (bytes) => {
  const digest = Buffer.alloc(32);
  sodium.crypto_generichash(digest, Buffer.from(bytes));
  return digest;
};
database.transaction(() => {
  for (const r of records) {
    if (unchecked === undefined) check(r);
    insert.run(r.id, r.type, r.key, r.val, r.hash, r.ts, r.mod, r.prev, r.prevch, r.sig, none);
  }
})();
database.pragma('wal_checkpoint(TRUNCATE)');
database.close();

/** Throws for a record whose hash or signature is wrong. */
function check(r) {
  const digest = hash(r.val);
  if (Buffer.compare(digest, r.hash) !== 0) throw new Error(`record ${r.id}: wrong hash`);
  const message = Buffer.alloc(136);
  message.writeBigUInt64LE(BigInt(r.id), 0);
  message.writeBigInt64LE(BigInt(r.ts), 8);
  message.writeBigInt64LE(BigInt(r.mod), 16);
  message.writeBigInt64LE(BigInt(r.prev), 24);
  message.writeBigInt64LE(BigInt(r.prevch), 32);
  hash(Buffer.from(r.key)).copy(message, 40);
  digest.copy(message, 72);
  hash(Buffer.from(r.type)).copy(message, 104);
  if (!sodium.crypto_sign_verify_detached(r.sig, message, publicKey)) {
    throw new Error(`record ${r.id}: wrong signature`);
  }
}
