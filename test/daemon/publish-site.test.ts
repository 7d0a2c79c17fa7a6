import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { publishSite } from '../../src/daemon/publish-site.ts';
import { generateKeyPair, writeNewKey } from '../../src/store/key-file.ts';
import { readMark } from '../../src/store/mark.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

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

    const published = await publishSite({
      directory,
      secretKey,
      unusedKey: true,
      streamPath: t.path('x.stream'),
    });

    assert.equal(published.publicKey, publicKey);
    assert.is(published.newKeyPath, undefined);
    assert.not(existsSync(t.path('x.stream.privatekey')));
  }),
);

test(
  'publishSite :: a dry run of the first publish leaves nothing, and says what would come',
  scope(async (t) => {
    const directory = makeSite(t);

    const { report, id, servers } = await publishSite(
      { directory, servers: ['https://Example.org'] },
      { dryRun: true },
    );

    assert.equal(report.added, ['index.html']);
    assert.equal(servers, ['https://example.org/']);
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
    writeNewKey(t.path('site.stream.privatekey'), secretKey);
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
    writeNewKey(t.path('site.stream.privatekey'), secretKey);
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
  'publishSite :: a key that was restored without its stream does not begin a second history (R11)',
  scope(async (t) => {
    const directory = makeSite(t);
    await publishSite({ directory });
    for (const end of ['', '-wal', '-shm', '.mark'])
      rmSync(t.path(`site.stream${end}`), { force: true });

    const error = await rejectsCode(publishSite({ directory }), 'STREAM_BEHIND_MARK');

    assert.ok(isDrayerError(error));
    assert.match(error.hint ?? '', 'drayer recover');
    assert.match(error.hint ?? '', '--unused-key');
    assert.not(existsSync(t.path('site.stream')));
    const { newKeyPath, report } = await publishSite({ directory, unusedKey: true });
    assert.is(newKeyPath, undefined, 'the key was there');
    assert.is(report.generation.snapshot?.seq, 1);
  }),
);

test(
  'publishSite :: a key made beforehand begins a stream, and is not called a new one',
  scope(async (t) => {
    const directory = makeSite(t);
    const { secretKey, publicKey } = generateKeyPair();
    writeNewKey(t.path('site.stream.privatekey'), secretKey);

    const published = await publishSite({ directory });

    assert.equal(published.publicKey, publicKey);
    assert.is(published.newKeyPath, undefined);
  }),
);

test(
  'publishSite :: a key that was made is told of also where the first publish fails',
  scope(async (t) => {
    const directory = makeSite(t);
    writeFileSync(t.path('site', 'bad\\name'), 'x');
    const told: string[] = [];
    const onNewKey = (path: string): void => void told.push(path);

    await rejectsCode(publishSite({ directory }, { onNewKey }), 'PATH_INVALID');
    assert.equal(told, [t.path('site.stream.privatekey')]);

    rmSync(t.path('site', 'bad\\name'));
    assert.is((await publishSite({ directory }, { onNewKey })).newKeyPath, undefined);
    assert.is(told.length, 1);
  }),
);

test(
  'publishSite :: one key file does not sign two streams, begun or not',
  scope(async (t) => {
    const directory = makeSite(t);
    const { secretKey } = generateKeyPair();
    const keyPath = t.path('my.key');
    writeNewKey(keyPath, secretKey);
    const key = { secretKey, keyPath };
    const [b, c] = [t.path('b.stream'), t.path('c.stream')];
    await publishSite({ directory, ...key, streamPath: b });

    await rejectsCode(publishSite({ directory, ...key, streamPath: c }), 'KEY_MISMATCH');
    assert.not(existsSync(c));

    createStream(c, { secretKey }).close();
    await rejectsCode(publishSite({ directory, ...key, streamPath: c }), 'KEY_MISMATCH');

    writeFileSync(t.path('site', 'more.txt'), 'more');
    const { report } = await publishSite({ directory, ...key, streamPath: b });
    assert.is(report.generation.snapshot?.seq, 2);
    assert.is(readMark(t.path('my.key.mark'))?.seq, 2);
  }),
);

test(
  'publishSite :: a key of which nothing is known begins a stream only when its owner vouches for it',
  scope(async (t) => {
    const directory = makeSite(t);
    const { secretKey } = generateKeyPair();

    await rejectsCode(publishSite({ directory, secretKey }), 'STREAM_BEHIND_MARK');

    assert.is((await publishSite({ directory, secretKey, unusedKey: true })).report.wrote, true);
    assert.is((await publishSite({ directory, secretKey })).report.wrote, false);
  }),
);

test(
  'publishSite :: names the configured servers, writes them only where that changes something',
  scope(async (t) => {
    const directory = makeSite(t);
    const servers = ['https://example.org', 'http://192.168.1.20:33125/'];

    const first = await publishSite({ directory, servers });
    const second = await publishSite({ directory, servers });
    const dry = await publishSite({ directory, servers: servers.slice(1) }, { dryRun: true });
    const silent = await publishSite({ directory });
    const none = await publishSite({ directory, servers: [] });

    assert.equal(first.servers, ['https://example.org/', 'http://192.168.1.20:33125/']);
    assert.is(first.report.generation.snapshot?.seq, 2);
    assert.equal([first.report.wrote, second.report.wrote], [true, false]);
    assert.equal([dry.servers, dry.report.wrote], [['http://192.168.1.20:33125/'], false]);
    assert.equal([second.servers, second.report.generation.snapshot?.seq], [undefined, 2]);
    assert.equal([silent.servers, silent.report.generation.snapshot?.seq], [undefined, 2]);
    assert.equal([none.servers, none.report.generation.snapshot?.seq], [[], 3]);
    assert.is(none.report.wrote, true);
  }),
);

test(
  'publishSite :: a site whose generations get stale is signed anew in time, though nothing has changed (R20)',
  scope(async (t) => {
    const directory = makeSite(t);
    const publish = (lifetimeMicros?: number) => publishSite({ directory, lifetimeMicros });
    const HOUR = 3_600_000_000;

    const { report: first } = await publish();
    assert.is(first.generation.snapshot?.exp, 0);
    const dry = await publishSite({ directory, lifetimeMicros: 2 * HOUR }, { dryRun: true });
    assert.is(dry.report.wrote, false);
    assert.is((await publish()).report.wrote, false, 'a dry run has left nothing behind');
    const { report: second } = await publish(2 * HOUR);
    const { report: same } = await publish(2 * HOUR);
    const { report: kept } = await publish();
    const { report: longer } = await publish(6 * HOUR);

    const said = [second, same, kept, longer];
    assert.equal(
      said.map(({ wrote, added, changed, unchanged }) => [wrote, added, changed, unchanged]),
      [
        [true, [], [], 1],
        [false, [], [], 1],
        [false, [], [], 1],
        [true, [], [], 1],
      ],
    );
    const { time = 0, exp, seq } = longer.generation.snapshot ?? {};
    assert.equal([exp, seq], [time + 6 * HOUR, 3]);
  }),
);

test.run();
