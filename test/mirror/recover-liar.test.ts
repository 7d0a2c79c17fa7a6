/** Recovering an own stream from a server that sends right contents under wrong signatures (R22). */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { recoverStream } from '../../src/mirror/recover.ts';
import { keyPathOf } from '../../src/store/key-file.ts';
import { openStream } from '../../src/store/open-stream.ts';
import { damagedPathOf } from '../../src/store/set-aside.ts';
import { factOf, setUp, wrongAt } from '../helpers/many-mirrored.ts';
import { scope } from '../helpers/scope.ts';
import { rawDatabase } from '../helpers/store.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { changeRecords } from '../helpers/tampered-records.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/recover-liar');

test(
  'recoverStream :: a damaged file is put back, however often a server lies, and set aside for an honest one',
  scope(async (t) => {
    const { published } = await setUp(t);
    const { url } = published.peer;
    const path = t.path('own copy.stream');
    published.stream.close();
    copyFileSync(published.path, path);
    copyFileSync(keyPathOf(published.path), keyPathOf(path));
    const database = rawDatabase(t, path);
    database.exec("UPDATE record SET value = x'00' WHERE id = 7");
    database.close();
    const before = streamRows(path);
    published.peer.tamper(changeRecords(published.stream.publicKey, wrongAt(50)));

    for (let i = 0; i < 2; i += 1) {
      await rejectsCode(recoverStream(path, url), 'PEER_MISBEHAVED');
      assert.equal(streamRows(path), before);
      assert.is(existsSync(damagedPathOf(path)), false);
    }

    published.peer.tamper(undefined);
    const { damagedPath, signatures } = await recoverStream(path, url);
    assert.is(signatures, 'checked');
    assert.equal(streamRows(path), streamRows(published.path));
    assert.equal(streamRows(damagedPath ?? ''), before);
  }),
);

test(
  'recoverStream :: what was fetched with wrong signatures and left by a kill is mended where it is',
  scope(async (t) => {
    const { published, run, path } = await setUp(t);
    published.peer.tamper(changeRecords(published.stream.publicKey, wrongAt(50)));
    await run({ oneShot: true });
    copyFileSync(keyPathOf(published.path), keyPathOf(path));
    writeFileSync(damagedPathOf(path), 'the only one of its kind');
    assert.ok(factOf(path));

    await rejectsCode(recoverStream(path, published.peer.url), 'PEER_MISBEHAVED');
    published.peer.tamper(undefined);
    const { damagedPath } = await recoverStream(path, published.peer.url);

    assert.is(damagedPath, undefined);
    assert.is(factOf(path), undefined);
    assert.is(readFileSync(damagedPathOf(path), 'utf8'), 'the only one of its kind');
    openStream(path).close();
  }),
);

test.run();
