import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { givenSecretKey, publishSite } from '../../src/daemon/publish-site.ts';
import { formatSecretKey, generateKeyPair, writeKeyFile } from '../../src/store/key-file.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode, throwsCode } from '../helpers/throws.ts';

const test = suite('daemon/publish-site');

function makeSite(t: Scope): string {
  mkdirSync(t.path('site'));
  writeFileSync(t.path('site', 'index.html'), 'hello');
  return t.path('site');
}

test(
  'publishSite :: makes stream and key once, then finds them',
  scope(async (t) => {
    const directory = makeSite(t);

    const first = await publishSite({ directory });
    const second = await publishSite({ directory });

    assert.is(first.newKeyPath, t.path('site.stream.privatekey'));
    assert.is(first.report.wrote, true);
    assert.is(second.newKeyPath, undefined);
    assert.is(second.id, first.id);
    assert.is(second.report.wrote, false);
  }),
);

test(
  'publishSite :: with a key of its own none is made beside the stream',
  scope(async (t) => {
    const directory = makeSite(t);
    const { publicKey, secretKey } = generateKeyPair();

    const published = await publishSite({ directory, secretKey, streamPath: t.path('x.stream') });

    assert.equal(published.publicKey, publicKey);
    assert.is(published.newKeyPath, undefined);
    assert.not(existsSync(t.path('x.stream.privatekey')));
  }),
);

test(
  'publishSite :: a dry run of the first publish leaves nothing, and says what would come',
  scope(async (t) => {
    const directory = makeSite(t);

    const { report, id } = await publishSite({ directory }, { dryRun: true });

    assert.equal(report.added, ['index.html']);
    assert.is(id, undefined);
    assert.equal(readdirSync(t.directory), ['site']);
    await rejectsCode(
      publishSite({ directory: t.path('none') }, { dryRun: true }),
      'DIRECTORY_NOT_FOUND',
    );
  }),
);

test(
  'publishSite :: a run that was killed before its stream was made does not lock the owner out',
  scope(async (t) => {
    const directory = makeSite(t);
    const { secretKey, publicKey } = generateKeyPair();
    writeKeyFile(t.path('site.stream.privatekey'), secretKey);
    writeFileSync(t.path('site.stream'), '');

    const published = await publishSite({ directory });

    assert.equal(published.publicKey, publicKey, 'the key that was made first');
    assert.is(published.report.generation.snapshot?.seq, 1);
  }),
);

test(
  'publishSite :: nor one that was killed in the middle of making it',
  scope(async (t) => {
    const directory = makeSite(t);
    const { secretKey, publicKey } = generateKeyPair();
    writeKeyFile(t.path('site.stream.privatekey'), secretKey);
    // The file and its rollback journal as they are while the first transaction is being written.
    const database = t.defer(new Database(t.path('half')), (one) => one.close());
    database.pragma('cache_size = 1');
    database.exec('BEGIN; CREATE TABLE attr (key text, value text)');
    const insert = database.prepare('INSERT INTO attr VALUES (?, zeroblob(5000))');
    for (let i = 0; i < 50; i += 1) insert.run(`key ${i}`);
    copyFileSync(t.path('half'), t.path('site.stream'));
    copyFileSync(t.path('half-journal'), t.path('site.stream-journal'));
    assert.ok(statSync(t.path('site.stream')).size > 0);

    const published = await publishSite({ directory });

    assert.equal(published.publicKey, publicKey);
    assert.is(published.report.generation.snapshot?.seq, 1);
    assert.not(existsSync(t.path('site.stream-journal')));
  }),
);

test(
  'givenSecretKey :: flag, then DRAYER_KEY, then DRAYER_KEY_FILE; the text leaves the environment',
  scope((t) => {
    const [flag, text, file] = [generateKeyPair(), generateKeyPair(), generateKeyPair()];
    writeKeyFile(t.path('flag'), flag.secretKey);
    writeKeyFile(t.path('file'), file.secretKey);
    const environment = (): Record<string, string | undefined> => ({
      DRAYER_KEY: formatSecretKey(text.secretKey),
      DRAYER_KEY_FILE: t.path('file'),
    });

    const all = environment();
    assert.equal(givenSecretKey(t.path('flag'), all), flag.secretKey);
    assert.not('DRAYER_KEY' in all);
    assert.equal(givenSecretKey(undefined, environment()), text.secretKey);
    assert.equal(givenSecretKey(undefined, all), file.secretKey);
    assert.is(givenSecretKey(undefined, { DRAYER_KEY: '', DRAYER_KEY_FILE: '' }), undefined);
    assert.throws(
      () => givenSecretKey(undefined, { DRAYER_KEY: 'not a key' }),
      throwsCode('KEY_INVALID'),
    );
  }),
);

test.run();
