import { copyFileSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listRecords, readStreamFacts, withReader } from '../../src/daemon/stream-facts.ts';
import { createStream, openStream } from '../../src/store/open-stream.ts';
import { forkProofOf } from '../helpers/fork-proof.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('daemon/stream-facts');

test(
  'readStreamFacts :: counts by type, values held and wanted, key and generation',
  scope((t) => {
    const path = t.path('a.stream');
    const stream = createStream(path);
    stream.transaction((tx) => {
      tx.putFile('index.html', Buffer.from('<h1>hello</h1>'));
      tx.putFile('gone.txt', Buffer.from('gone'));
      tx.set('x', 1);
    });
    const { id, publicKey } = stream;
    stream.close();
    const database = new Database(path);
    database.exec(`UPDATE record SET value = NULL WHERE key = 'gone.txt'`);
    database.close();

    const facts = readStreamFacts(path);

    assert.is(facts.id, id);
    assert.equal(facts.publicKey, publicKey);
    assert.is(facts.generation.snapshot?.seq, 1);
    assert.equal(
      facts.types.map(({ type, records }) => [type, records]),
      [
        ['file', 2],
        ['drayer', 1],
        ['obj', 1],
      ],
    );
    assert.equal(facts.wanted, [{ type: 'file', key: 'gone.txt' }]);
    assert.is(facts.keyPath, `${path}.privatekey`);
    assert.is(facts.isFetching, false);

    writeFileSync(`${path}.part`, '');
    assert.is(readStreamFacts(path).isFetching, true);
  }),
);

test(
  'readStreamFacts :: a stream behind its mark, or with two histories, is known as such (R11, R16)',
  scope((t) => {
    const path = t.path('a.stream');
    createStream(path, { secretKey: KEY_A.secretKey }).set('x', 1).close();
    copyFileSync(path, t.path('old'));
    openStream(path, { secretKey: KEY_A.secretKey }).set('x', 2).close();

    assert.is(readStreamFacts(path).isBehindMark, false);
    assert.is(readStreamFacts(path).forkProofPath, undefined);

    copyFileSync(t.path('old'), path);
    writeFileSync(`${path}.fork`, forkProofOf(KEY_A));
    assert.is(readStreamFacts(path).isBehindMark, true);
    assert.is(readStreamFacts(path).forkProofPath, `${path}.fork`);
    assert.is(readStreamFacts(path).forkProofFault, undefined);

    // A fault in the file says nothing of the stream.
    for (const proof of ['', 'half', forkProofOf(KEY_B)]) {
      writeFileSync(`${path}.fork`, proof);
      assert.is(readStreamFacts(path).forkProofPath, undefined);
      assert.match(readStreamFacts(path).forkProofFault ?? '', 'expected a proof');
    }

    writeFileSync(`${path}.mark`, 'no mark');
    assert.is(readStreamFacts(path).isBehindMark, true);
  }),
);

test(
  'listRecords :: files by key with the size of their content and their own time',
  scope((t) => {
    const path = t.path('a.stream');
    const stream = createStream(path);
    stream.transaction((tx) => {
      tx.putFile('b.txt', Buffer.alloc(100_000, 'b'), { timeMicros: 1_700_000_000_000_000 });
      tx.putFile('a.png', Buffer.from([1, 2, 3]), { timeMicros: 5 });
      tx.setBytes('file', 'broken', Buffer.from('no file value at all'));
      tx.set('other', true);
    });
    stream.close();

    const records = withReader(path, (reader) => listRecords(reader, 'file'));

    assert.equal(
      records.map(({ key, time, contentBytes }) => [key, time, contentBytes]),
      [
        ['a.png', 5, 3],
        ['b.txt', 1_700_000_000_000_000, 100_000],
        ['broken', records[2]?.time, undefined],
      ],
    );
    assert.ok((records[1]?.storedBytes ?? 0) < 1000);
    assert.is(records[2]?.storedBytes, 20);
  }),
);

test.run();
