import {
  copyFileSync,
  existsSync,
  readFileSync,
  realpathSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type PublishToOptions,
  publishTo,
  type RemotePublished,
} from '../../src/daemon/publish-to.ts';
import { markPathOf, readMark } from '../../src/store/mark.ts';
import { openStream } from '../../src/store/open-stream.ts';
import { writeSite } from '../helpers/disk-site.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Primary, primary } from '../helpers/push-primary.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('daemon/publish-to');

const PAGES = { 'index.html': '<h1>one</h1>', 'a/b.txt': 'b'.repeat(5000), 'c.txt': 'c' };

/** A runner: a folder of its own with the built site, and what it remembers. */
function runner(t: Scope, name: string, files: Readonly<Record<string, string>> = PAGES) {
  const directory = writeSite(t.path(name, 'dist'), files);
  const publish = (
    { url }: Pick<Primary, 'url'>,
    options: PublishToOptions & { unusedKey?: boolean } = {},
  ): Promise<RemotePublished> => {
    const { unusedKey, ...rest } = options;
    return publishTo(
      { directory, to: url, secretKey: KEY_A.secretKey, unusedKey },
      { dataDir: t.path(name, 'data'), ...rest },
    );
  };
  return { directory, lock: t.path(name, 'drayer.lock'), publish };
}

test(
  'publishTo :: a first publish with a new key makes the stream on the server',
  scope(async (t) => {
    const server = await primary(t);
    const one = runner(t, 'one');

    const { report, push } = await one.publish(server, { unusedKey: true });

    assert.equal(report.added, ['a/b.txt', 'c.txt', 'index.html']);
    assert.is(push.wrote, true);
    assert.is(push.uploaded, 3);
    assert.is(server.seq(), 1);
    assert.equal(server.keys(), ['a/b.txt', 'c.txt', 'index.html']);
    assert.is(report.generation.count, 4);
    assert.is(push.lockWritten, one.lock);
    assert.equal(server.errors, []);
  }),
);

test(
  'publishTo :: a fresh checkout with new times finds everything unchanged and signs nothing',
  scope(async (t) => {
    const server = await primary(t);
    await runner(t, 'one').publish(server, { unusedKey: true });
    const before = server.records();
    const two = runner(t, 'two');
    utimesSync(`${two.directory}/c.txt`, 1_000_000, 1_000_000);

    const { report, push } = await two.publish(server);

    assert.is(report.unchanged, 3);
    assert.is(report.wrote, false);
    assert.is(push.sentBytes, 0);
    assert.equal(server.records(), before);
    assert.is(existsSync(two.lock), true);
  }),
);

test(
  'publishTo :: only what changed is uploaded; the rest keeps its record',
  scope(async (t) => {
    const server = await primary(t);
    await runner(t, 'one').publish(server, { unusedKey: true });
    const two = runner(t, 'two', { 'index.html': '<h1>two</h1>', 'a/b.txt': PAGES['a/b.txt'] });

    const { report, push } = await two.publish(server);

    assert.equal([report.added, report.changed, report.removed], [[], ['index.html'], ['c.txt']]);
    assert.is(push.uploaded, 1);
    assert.is(server.seq(), 2);
    assert.equal(server.keys(), ['a/b.txt', 'index.html']);
    assert.is(report.generation.count, server.records().length);
    assert.equal(server.errors, []);
  }),
);

test(
  'publishTo :: a dry run says what would change and sends nothing',
  scope(async (t) => {
    const server = await primary(t);
    const one = runner(t, 'one');

    const { report, push } = await one.publish(server, { unusedKey: true, dryRun: true });

    assert.is(report.added.length, 3);
    assert.is(push.sentBytes, 0);
    assert.is(server.seq(), 0);
    assert.is(existsSync(one.lock), false);
    assert.is(existsSync(t.path('one', 'data')), false);
  }),
);

test(
  'publishTo :: the lock file is never published, also where it lies in the site',
  scope(async (t) => {
    const server = await primary(t);
    const one = runner(t, 'one');
    writeFileSync(`${one.directory}/drayer.lock`, '{"version":1,"streams":{}}');

    await one.publish(server, { unusedKey: true, lockFolder: one.directory });

    assert.not(server.keys().includes('drayer.lock'));
    const { streams } = JSON.parse(readFileSync(`${one.directory}/drayer.lock`, 'utf8'));
    assert.is(Object.values(streams).length, 1);
  }),
);

test(
  'publishTo :: a stream file of this machine follows, and its mark with it',
  scope(async (t) => {
    const server = await primary(t);
    const one = runner(t, 'one');
    await one.publish(server, { unusedKey: true });
    const path = t.path('one', 'dist.stream');
    copyFileSync(server.path, path);
    writeSite(one.directory, { 'index.html': '<h1>two</h1>' });

    const { report, streamPath } = await one.publish(server);

    assert.is(streamPath, realpathSync(path));
    const stream = openStream(path, { secretKey: KEY_A.secretKey });
    const { tip, snapshot } = stream.reader.generation();
    const html = stream.getFile('index.html');
    stream.close();
    assert.equal([snapshot?.seq, tip], [2, report.generation.tip]);
    assert.is(Buffer.from(html ?? []).toString(), '<h1>two</h1>');
    assert.is(readMark(markPathOf(path))?.seq, 2);
  }),
);

test(
  'publishTo :: a stream file that is ahead of the server stops it: nothing is signed on the old state',
  scope(async (t) => {
    const server = await primary(t);
    const one = runner(t, 'one');
    await one.publish(server, { unusedKey: true });
    const path = t.path('one', 'dist.stream');
    copyFileSync(server.path, path);
    const stream = openStream(path, { secretKey: KEY_A.secretKey });
    stream.set('local', 'only');
    stream.close();

    await rejectsCode(one.publish(server), 'STREAM_BEHIND_MARK');

    assert.is(server.seq(), 1);
  }),
);

test(
  'publishTo :: the servers of the config are named in the same generation',
  scope(async (t) => {
    const server = await primary(t);
    const one = runner(t, 'one');
    const site = { directory: one.directory, to: server.url, secretKey: KEY_A.secretKey };
    const options = { dataDir: t.path('one', 'data') };

    const first = await publishTo(
      { ...site, unusedKey: true, servers: ['https://a.example/'] },
      options,
    );
    const again = await publishTo({ ...site, servers: ['https://a.example/'] }, options);
    const none = await publishTo({ ...site, servers: [] }, options);

    assert.equal(first.servers, ['https://a.example/']);
    assert.is(again.report.wrote, false);
    assert.equal(again.primaryServers, [{ type: 'http', url: 'https://a.example/' }]);
    assert.equal(none.servers, []);
    assert.is(server.seq(), 2);
  }),
);

test(
  'publishTo :: a generation that is stale soon is signed anew, though nothing has changed (R20)',
  scope(async (t) => {
    const server = await primary(t);
    const { directory, publish } = runner(t, 'one');
    await publish(server, { unusedKey: true });
    const { secretKey } = KEY_A;
    const site = { directory, to: server.url, secretKey, lifetimeMicros: 3_600_000_000 };
    const renew = () => publishTo(site, { dataDir: t.path('one', 'data') });

    const { push, report } = await renew();
    const { push: again } = await renew();

    assert.equal([push.wrote, push.uploaded, report.unchanged, server.seq()], [true, 0, 3, 2]);
    assert.is(again.wrote, false);
    const { snapshot } = push.generation;
    assert.is((snapshot?.exp ?? 0) - (snapshot?.time ?? 0), 3_600_000_000);
  }),
);

test.run();
