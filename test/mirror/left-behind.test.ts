/** What earlier runs, kills and people have left beside a mirror: never played into it, never in its way. */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { connect } from '../../src/store/database.ts';
import { openReader } from '../../src/store/open-reader.ts';
import type { Stream } from '../../src/store/stream.ts';
import { runHelper } from '../helpers/child.ts';
import { noise, publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/left-behind');

test(
  'mirrorStream :: the log of a file that was removed is not played into the one that is made anew',
  scope(async (t) => {
    const { stream, path: own, port } = await publish(t);
    const to = { url: `http://127.0.0.1:${port}`, publicKey: stream.publicKey, path: t.path('m') };
    fill(stream, 1);
    await mirrorStream(to);
    fill(stream, 2);
    const log = await logOfOpenMirror(t, () => mirrorStream(to));
    rmSync(to.path);
    copyFileSync(log, `${to.path}-wal`);
    fill(stream, 3);

    const report = await mirrorStream(to);

    assert.is(report.generation.snapshot?.seq, 3);
    assert.equal(streamRows(to.path), streamRows(own));
  }),
);

test(
  'mirrorStream :: killed when all was judged and the file had no name yet, it fetches nothing again',
  scope(async (t) => {
    const { stream, path: own, port } = await publish(t);
    const to = { url: `http://127.0.0.1:${port}`, publicKey: stream.publicKey, path: t.path('m') };
    fill(stream, 1);
    const first = await mirrorStream(to);
    assert.ok(first.fetchedRecords > 100);
    renameSync(to.path, `${to.path}.part`);
    rmSync(`${to.path}.trust`);

    const { fetchedRecords, fetchedValues, changed } = await mirrorStream(to);

    assert.equal({ fetchedRecords, fetchedValues, changed }, { ...NOTHING, changed: true });
    assert.equal(streamRows(to.path), streamRows(own));
    assert.equal(namesOf(t, 'm.'), ['m.sources', 'm.trust']);
  }),
);

test(
  'mirrorStream :: the same of a mirror that holds some values only: the others stay left out',
  scope(async (t) => {
    const { stream, port } = await publish(t);
    const to = { url: `http://127.0.0.1:${port}`, publicKey: stream.publicKey, path: t.path('m') };
    fill(stream, 1);
    await mirrorStream({ ...to, values: { newest: 5 } });
    renameSync(to.path, `${to.path}.part`);
    rmSync(`${to.path}.trust`);

    const { fetchedRecords, wantedValues } = await mirrorStream(to);

    assert.equal({ fetchedRecords, wantedValues }, { fetchedRecords: 0, wantedValues: 0 });
    assert.is(heldValues(to.path), 5);
  }),
);

test(
  'mirrorStream :: an empty file of its name is as good as none',
  scope(async (t) => {
    const { stream, path: own, port } = await publish(t);
    const to = { url: `http://127.0.0.1:${port}`, publicKey: stream.publicKey, path: t.path('m') };
    fill(stream, 1);
    writeFileSync(to.path, '');

    await mirrorStream(to);

    assert.equal(streamRows(to.path), streamRows(own));
  }),
);

test(
  'mirrorStream :: a folder in the place of one of its files is said, and what is visible stays',
  scope(async (t) => {
    const { stream, path: own, port } = await publish(t);
    const to = { url: `http://127.0.0.1:${port}`, publicKey: stream.publicKey, path: t.path('m') };
    fill(stream, 1);
    await mirrorStream(to);
    const before = streamRows(to.path);
    fill(stream, 2);
    mkdirSync(`${to.path}.part`);
    rmSync(`${to.path}.sources`);
    mkdirSync(`${to.path}.sources`);

    const { message, hint } = await rejectsCode(mirrorStream(to), 'STORAGE_FAILED');

    assert.match(message, 'm.part: cannot be removed: there is a folder of that name');
    assert.is(hint, 'move it away');
    assert.equal(streamRows(to.path), before);
    rmdirSync(`${to.path}.part`);
    const { unremembered } = await mirrorStream(to);
    assert.match(unremembered ?? '', 'there is a folder of that name');
    assert.equal(streamRows(to.path), streamRows(own));
  }),
);

const canMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

(canMount ? test : test.skip)(
  'mirrorStream :: a file system that can only be read is said, also where there is no file yet (EROFS)',
  scope(async (t) => {
    const { stream, port } = await publish(t);
    fill(stream, 1);
    mkdirSync(t.path('disk'));
    const mount = 'mount -t tmpfs -o ro none "$0"; exec "$@"';
    const through = ['unshare', '-m', 'sh', '-ec', mount, t.path('disk')];
    const key = Buffer.from(stream.publicKey).toString('hex');
    const args = [`http://127.0.0.1:${port}`, key, t.path('disk', 'm')];

    const child = runHelper('mirror-child.ts', args, { through });

    assert.is(await child.ended, 1);
    const said = child.lines.at(-1) ?? '';
    assert.match(said, /^failed STORAGE_FAILED .*: the file system is read-only; choose a path/);
  }),
);

const NOTHING = { fetchedRecords: 0, fetchedValues: 0 };

function fill(stream: Stream, generation: number): void {
  stream.transaction((tx) => {
    for (let i = 0; i < 200; i += generation) {
      tx.setBytes('file', `page-${i}`, noise(2000, generation * 1000 + i));
    }
  });
}

/** Copies the log that is there while somebody reads the mirror; returns where it lies. */
async function logOfOpenMirror(t: Scope, run: () => Promise<unknown>): Promise<string> {
  const reader = connect(t.path('m'), { readonly: true });
  const unpin = reader.pin();
  try {
    await run();
    const copy = t.path('log');
    copyFileSync(t.path('m-wal'), copy);
    assert.ok(statSync(copy).size > 100_000, 'nothing is in the log');
    return copy;
  } finally {
    unpin();
    reader.close();
  }
}

function heldValues(path: string): number {
  const reader = openReader(path);
  try {
    const files = [...reader.entries({ type: 'file' })];
    return files.filter((record) => reader.valueSize(record) !== undefined).length;
  } finally {
    reader.close();
  }
}

function namesOf({ directory }: Scope, start: string): string[] {
  return readdirSync(directory).filter((name) => name.startsWith(start));
}

test.run();
