/** A key that came back from paper signs nothing before its stream is known to be the newest (R11). */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { publishSite } from '../../src/daemon/publish-site.ts';
import { recoverStream } from '../../src/mirror/recover.ts';
import {
  generateKeyPair,
  readKeyFile,
  writeKeyFile,
  writeNewKey,
  writeRestoredKey,
} from '../../src/store/key-file.ts';
import { readMark } from '../../src/store/mark.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('daemon/restored-key');

/**
 * A site published twice, `url` has both generations; then on another machine: the key from paper, and an
 * old copy of the stream file.
 */
async function restoredMachine(t: Scope) {
  const directory = t.path('site');
  mkdirSync(directory);
  writeFileSync(t.path('site', 'index.html'), 'one');
  const first = await publishSite({ directory });
  copyFileSync(first.streamPath, t.path('old-copy'));
  writeFileSync(t.path('site', 'index.html'), 'two');
  const { publicKey } = await publishSite({ directory });
  const secretKey = readKeyFile(t.path('site.stream.privatekey'));
  const { port } = await serve(t, [{ path: t.path('site.stream') }]);
  mkdirSync(t.path('new', 'site'), { recursive: true });
  writeFileSync(t.path('new', 'site', 'index.html'), 'three');
  copyFileSync(t.path('old-copy'), t.path('new', 'site.stream'));
  return {
    secretKey,
    publicKey,
    url: `http://127.0.0.1:${port}`,
    directory: t.path('new', 'site'),
  };
}

test(
  'a restored key :: beside an old copy of its stream signs nothing until that is recovered',
  scope(async (t) => {
    const { secretKey, directory, url } = await restoredMachine(t);
    writeRestoredKey(t.path('new', 'site.stream.privatekey'), secretKey);
    const before = readFileSync(t.path('new', 'site.stream'));

    const error = await rejectsCode(publishSite({ directory }), 'STREAM_BEHIND_MARK');

    assert.match(error.message, 'the key was restored from a backup');
    assert.ok(readFileSync(t.path('new', 'site.stream')).equals(before));
    await recoverStream(t.path('new', 'site.stream'), url);
    const { report } = await publishSite({ directory });
    assert.is(report.generation.snapshot?.seq, 3, 'after both of the other machine');
  }),
);

test(
  'a key without that mark :: signs a second history, which is what the mark is for',
  scope(async (t) => {
    const { secretKey, directory, url } = await restoredMachine(t);
    writeKeyFile(t.path('new', 'site.stream.privatekey'), secretKey);

    const { report } = await publishSite({ directory });

    assert.is(report.generation.snapshot?.seq, 2);
    await rejectsCode(recoverStream(t.path('new', 'site.stream'), url), 'TWO_HISTORIES');
  }),
);

test(
  'a restored key elsewhere :: refuses an unmarked stream, and goes on with one whose own mark is here',
  scope(async (t) => {
    const { secretKey, directory } = await restoredMachine(t);
    const keyPath = t.path('paper.privatekey');
    writeRestoredKey(keyPath, secretKey);

    await rejectsCode(publishSite({ directory, secretKey, keyPath }), 'STREAM_BEHIND_MARK');

    writeFileSync(t.path('site', 'index.html'), 'three');
    const here = { directory: t.path('site'), secretKey, keyPath };
    assert.is((await publishSite(here)).report.generation.snapshot?.seq, 3);
    assert.is(readMark(t.path('paper.mark'))?.seq, 3);
    assert.is((await publishSite(here)).report.wrote, false);
  }),
);

test(
  'a restored key :: begins no stream, unless its owner says that it has signed nothing',
  scope(async (t) => {
    const { secretKey } = generateKeyPair();
    const directory = t.path('fresh');
    mkdirSync(directory);
    writeRestoredKey(t.path('fresh.stream.privatekey'), secretKey);

    await rejectsCode(publishSite({ directory }), 'STREAM_BEHIND_MARK');
    const { report } = await publishSite({ directory, unusedKey: true });

    assert.is(report.generation.tip, 0);
    writeFileSync(t.path('fresh', 'index.html'), 'x');
    assert.is((await publishSite({ directory })).report.generation.snapshot?.seq, 1);
  }),
);

test(
  'a restored key elsewhere :: the same',
  scope(async (t) => {
    const { secretKey } = generateKeyPair();
    const directory = t.path('fresh');
    mkdirSync(directory);
    writeFileSync(t.path('fresh', 'index.html'), 'x');
    const keyPath = t.path('paper.privatekey');
    writeRestoredKey(keyPath, secretKey);
    const site = { directory, secretKey, keyPath };

    await rejectsCode(publishSite(site), 'STREAM_BEHIND_MARK');
    assert.is((await publishSite({ ...site, unusedKey: true })).report.generation.snapshot?.seq, 1);
    assert.is((await publishSite(site)).report.wrote, false);
  }),
);

test(
  'writeRestoredKey :: leaves a mark that is there as it is, and no mark where a key is',
  scope((t) => {
    const { secretKey } = generateKeyPair();
    writeNewKey(t.path('k.privatekey'), secretKey);
    const mark = readFileSync(t.path('k.mark'), 'utf8');
    rmSync(t.path('k.privatekey'));

    writeRestoredKey(t.path('k.privatekey'), secretKey);

    assert.is(readFileSync(t.path('k.mark'), 'utf8'), mark);
  }),
);

test(
  'a key given as a text :: begins no second stream beside the first, whatever is said of it',
  scope(async (t) => {
    const { secretKey } = generateKeyPair();
    for (const name of ['one', 'two']) {
      mkdirSync(t.path(name));
      writeFileSync(t.path(name, 'index.html'), name);
    }
    await publishSite({ directory: t.path('one'), secretKey, unusedKey: true });

    const second = publishSite({ directory: t.path('two'), secretKey, unusedKey: true });

    assert.match((await rejectsCode(second, 'KEY_MISMATCH')).message, 'one.stream');
  }),
);

test.run();
