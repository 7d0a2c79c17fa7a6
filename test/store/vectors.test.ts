import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { verifyRecord } from '../../src/core/signing.ts';
import { inflateFile } from '../../src/files/file-record.ts';
import { writeKeyFile } from '../../src/store/key-file.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import {
  openedReader,
  openedStream,
  originalStream,
  rawDatabase,
  recordsIn,
} from '../helpers/store.ts';

type ExpectedRecord = {
  id: number;
  type: string;
  key: string;
  timestamp: number;
  modified: number;
  prev: number;
  prevchange: number;
  hash_hex: string;
  signature_hex: string;
  size: number;
  value_sha256: string;
  value_b64?: string;
};
type Expected = {
  pubkey_b64: string;
  mtip: number;
  idtip: number;
  count: number;
  records_by_modified: ExpectedRecord[];
  files?: { key: string; decoded_size: number; decoded_sha256: string }[];
  primary_servers?: unknown;
};

const folder = new URL('../vectors/streams/', import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.stream'))
  .map((name) => name.replace('.stream', ''));
const expectedOf = (name: string): Expected =>
  JSON.parse(readFileSync(new URL(`${name}.expected.json`, folder), 'utf8')) as Expected;
const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');

const test = suite('store/vectors');

test('vectors :: are all here', () => {
  assert.equal(names.sort(), [
    'deleted',
    'dict',
    'empty',
    'mixed',
    'primary',
    'r300',
    'site',
    'updated',
  ]);
});

for (const name of names) {
  test(
    `openReader :: reads ${name}, as the original wrote it`,
    scope((t) => {
      const expected = expectedOf(name);
      originalStream(t, name);

      const reader = openedReader(t, `${name}.stream`);

      assert.is(reader.id, expected.pubkey_b64);
      const { tip, idTip, count, snapshot } = reader.generation();
      assert.equal([tip, idTip, count], [expected.mtip, expected.idtip, expected.count]);
      assert.is(snapshot, undefined);
      const records = recordsIn(reader);
      assert.is(records.length, expected.records_by_modified.length);
      for (const [index, record] of records.entries()) {
        verifyRecord(record, reader.publicKey);
        const wanted = expected.records_by_modified[index] as ExpectedRecord;
        assert.equal(
          [record.id, record.type, record.key, record.timestamp, record.modified],
          [wanted.id, wanted.type, wanted.key, wanted.timestamp, wanted.modified],
        );
        assert.equal([record.prev, record.prevChange], [wanted.prev, wanted.prevchange]);
        assert.is(hex(record.hash), wanted.hash_hex);
        assert.is(hex(record.signature), wanted.signature_hex);
        assert.is(reader.valueSize(record), wanted.size);
        assert.is(hex(hash(record.value ?? new Uint8Array())), wanted.hash_hex);
        if (wanted.value_b64 !== undefined) {
          assert.is(Buffer.from(record.value ?? []).toString('base64'), wanted.value_b64);
        }
        assert.is(reader.findByHash(record.hash)?.hash.length, 32);
      }
    }),
  );

  test(
    `openReader :: leaves the tables and the journal of ${name} as they are`,
    scope((t) => {
      const path = originalStream(t, name);
      const before = contentOf(rawDatabase(t, path));

      openedReader(t, `${name}.stream`).close();

      const database = rawDatabase(t, path);
      assert.equal(contentOf(database), before);
      assert.is(database.pragma('journal_mode', { simple: true }), 'delete');
      const ours = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'drayer%'")
        .all();
      assert.equal(ours, []);
    }),
  );

  test(
    `openStream :: goes on with ${name}, and the original can still read it`,
    scope((t) => {
      const path = originalStream(t, name);
      const key = expectedOf(name).pubkey_b64.startsWith('5IHO') ? KEY_A : KEY_B;
      writeKeyFile(`${path}.privatekey`, key.secretKey);
      const before = rawDatabase(t, path).prepare(TABLES_SQL).all();

      const stream = openedStream(t, `${name}.stream`);
      stream.set('new', { from: 'us' });
      stream.close();

      const database = rawDatabase(t, path);
      assert.equal(database.prepare(TABLES_SQL).all(), before);
      // What the original asks for (reference §2): blobs, texts, and the empty blob for the own chain.
      const odd = database
        .prepare(
          `SELECT count(*) FROM record WHERE typeof(value) <> 'blob' OR typeof(hash) <> 'blob'
            OR typeof(signature) <> 'blob' OR typeof(key) <> 'text' OR typeof(type) <> 'text'
            OR typeof(id) <> 'integer' OR typeof(timestamp) <> 'integer'
            OR typeof(modified) <> 'integer' OR typeof(prev) <> 'integer'
            OR typeof(prevchange) <> 'integer' OR typeof(chain) <> 'blob' OR length(chain) <> 0`,
        )
        .pluck()
        .get();
      assert.is(odd, 0);
      const reader = openedReader(t, `${name}.stream`);
      for (const record of recordsIn(reader)) verifyRecord(record, reader.publicKey);
      const { snapshot, covered, count } = reader.generation();
      assert.is(covered, true);
      assert.is(snapshot?.count, count - 1);
    }),
  );
}

test(
  'openReader :: reads the files of the original',
  scope((t) => {
    const { files = [] } = expectedOf('site');
    originalStream(t, 'site');
    const reader = openedReader(t, 'site.stream');

    assert.ok(files.length > 5);
    for (const { key, decoded_sha256 } of files) {
      const value = reader.readValue(reader.getRecord('file', key));
      const content = inflateFile(value ?? new Uint8Array());
      assert.is(createHash('sha256').update(content).digest('hex'), decoded_sha256, key);
    }
  }),
);

test(
  'openStream :: reads the objects and servers of the original',
  scope((t) => {
    originalStream(t, 'dict');
    originalStream(t, 'primary');
    const dict = openedStream(t, 'dict.stream');
    const primary = openedStream(t, 'primary.stream');

    assert.is(Buffer.from(dict.get('foo3') as Uint8Array).toString(), 'testing');
    assert.is(dict.writable, false);
    assert.equal(primary.getPrimaryServers(), expectedOf('primary').primary_servers);
    assert.is(primary.getPost('Hello'), 'First post');
  }),
);

const TABLES_SQL =
  "SELECT type, name, sql FROM sqlite_schema WHERE tbl_name IN ('attr', 'record') AND name NOT LIKE 'drayer%'";

function contentOf(database: {
  prepare(sql: string): { all(): unknown[] };
  close(): unknown;
}): unknown {
  const content = [
    database.prepare('SELECT * FROM attr').all(),
    database.prepare('SELECT * FROM record ORDER BY id').all(),
  ];
  return JSON.stringify(content);
}

test.run();
