import { chmodSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type LookOptions, lookAtSite, type SiteLook } from '../../src/publish/look-at-site.ts';
import { prepareSite } from '../../src/publish/prepare-site.ts';
import { type PublishReport, publishDirectory } from '../../src/publish/publisher.ts';
import { keyPathOf } from '../../src/store/key-file.ts';
import { markPathOf, readMark, writeMark } from '../../src/store/mark.ts';
import { openStream } from '../../src/store/open-stream.ts';
import { writeSite } from '../helpers/disk-site.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('publish/look-at-site');

const SITE = { 'index.html': 'hello', 'a/b.css': 'p{}', '.env': 'SECRET' };
const LONG_AGO = new Date('2020-01-01');

test(
  'lookAtSite :: reports what a publish would, where nothing has changed',
  scope(async (t) => {
    const { site, streamPath, publish, look } = await published(t);

    const { unchanged } = (await look()) ?? {};

    const again = await publish();
    const { snapshotRecord: _, idTip: __, covered: ___, ...generation } = again.generation;
    assert.equal(unchanged?.report.generation, {
      ...generation,
      snapshot: { seq: generation.snapshot?.seq, root: generation.snapshot?.root },
    });
    const { generation: ____, ...rest } = unchanged?.report ?? again;
    const { generation: _____, changes: ______, links: _______, ...expected } = again;
    assert.equal(rest, expected);
    assert.is(rest.unchanged, 2);
    assert.is(unchanged?.streamPath, streamPath);
    assert.is(streamPath, `${site}.stream`);
  }),
);

test(
  'lookAtSite :: hands the walk on where a file has changed, has gone or has come',
  scope(async (t) => {
    const { site, publish, look } = await published(t);
    const changes: (() => void)[] = [
      () => writeFileSync(join(site, 'index.html'), 'HELLO'),
      () => rmSync(join(site, 'a/b.css')),
      () => writeFileSync(join(site, 'new.txt'), 'new'),
      () => utimesSync(join(site, 'new.txt'), LONG_AGO, LONG_AGO),
      () => chmodSync(join(site, 'new.txt'), 0o600),
    ];
    const said: unknown[] = [];
    for (const change of changes) {
      change();
      const found = await look();
      assert.is(found?.unchanged, undefined, String(change));
      assert.ok(found?.begun, String(change));
      const { unchanged, added, changed, removed } = await publish(found);
      said.push([unchanged, added, changed, removed]);
      await settled();
    }
    assert.equal(said, [
      [1, [], ['index.html'], []],
      [1, [], [], ['a/b.css']],
      [1, ['new.txt'], [], []],
      [2, [], [], []],
      [2, [], [], []],
    ]);
    await publish();
    assert.ok((await look())?.unchanged, 'all of it is published now');
  }),
);

test(
  'lookAtSite :: a file that is too large now is no matter for it',
  scope(async (t) => {
    const { look } = await published(t);
    assert.is((await look({ maxFileBytes: 4 }))?.unchanged, undefined);
    assert.ok((await look({ maxFileBytes: 5 }))?.unchanged);
  }),
);

test(
  'lookAtSite :: other patterns are another site',
  scope(async (t) => {
    const { look } = await published(t);
    assert.is((await look({ ignore: ['a'] }))?.unchanged, undefined);
  }),
);

test(
  'lookAtSite :: looks at no stream that is not as a publish has left it (R11)',
  scope(async (t) => {
    const disturb: ((streamPath: string) => void)[] = [
      (path) => rmSync(path),
      (path) => writeFileSync(path, 'no stream'),
      (path) => writeFileSync(`${path}-journal`, ''),
      (path) => rmSync(keyPathOf(path)),
      (path) => chmodSync(keyPathOf(path), 0o644),
      (path) => writeFileSync(keyPathOf(path), OTHER_KEY),
      (path) => rmSync(markPathOf(path)),
      (path) => writeFileSync(markPathOf(path), '{"restored":true}\n'),
      (path) => raise(path, 'seq'),
      (path) => raise(path, 'modified'),
      (path) => change(path, (stream) => stream.set('another', 'record')),
      (path) => change(path, (stream) => stream.local.set('compact', 'due')),
      (path) => openStream(path, { lifetimeMicros: 1_000_000 }).close(),
    ];
    for (const [i, one] of disturb.entries()) {
      const { streamPath, look } = await published(t, `site-${i}`);
      assert.ok((await look())?.unchanged, 'before');
      one(streamPath);
      assert.is(await look(), undefined, String(one));
    }
  }),
);

test(
  'lookAtSite :: refuses what a publish refuses',
  scope(async (t) => {
    const { site } = await published(t);
    await rejectsCode(lookAtSite(join(site, 'nowhere'), {}), 'DIRECTORY_NOT_FOUND');
    await rejectsCode(lookAtSite('/', {}), 'USAGE');
    const inside = join(site, 'a/inside.stream');
    await rejectsCode(lookAtSite(site, { streamPath: inside }), 'USAGE');
  }),
);

const OTHER_KEY = `${Buffer.alloc(64, 7).toString('base64')}\n`;

function raise(streamPath: string, field: 'seq' | 'modified'): void {
  const mark = readMark(markPathOf(streamPath));
  if (mark === undefined) throw new Error('expected a mark');
  writeMark(markPathOf(streamPath), { ...mark, [field]: mark[field] + 1 });
}

function change(streamPath: string, body: (stream: ReturnType<typeof openStream>) => void): void {
  const stream = openStream(streamPath);
  body(stream);
  stream.close();
}

/** Until files are old enough to be remembered by their times. */
function settled(): Promise<void> {
  return setTimeout(100);
}

async function published(t: Scope, name = 'site') {
  const site = writeSite(t.path(name), SITE);
  const { streamPath } = prepareSite(site);
  const publish = async (look?: SiteLook): Promise<PublishReport> => {
    const stream = openStream(streamPath);
    try {
      return await publishDirectory(site, stream, { begun: look?.begun });
    } finally {
      stream.close();
    }
  };
  await settled();
  await publish();
  const look = (options: LookOptions = {}) => lookAtSite(site, options);
  return { site, streamPath, publish, look };
}

test.run();
