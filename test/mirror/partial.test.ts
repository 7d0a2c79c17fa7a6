/** Mirrors that hold only some values (R18): which, how they are served, and how that is changed. */
import { existsSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { verifyStream } from '../../src/store/audit.ts';
import { openReader } from '../../src/store/open-reader.ts';
import type { Stream } from '../../src/store/stream.ts';
import { heldModeOf } from '../../src/store/value-choice.ts';
import type { ValueMode } from '../../src/store/value-mode.ts';
import type { Tamper } from '../helpers/proxy-peer.ts';
import { noise, publish } from '../helpers/published.ts';
import { type Random, randomFrom, scaled } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/partial');

const EVERYTHING: ValueMode = {};

test(
  'mirrorStream :: metadata alone is the whole stream in all but its values, and proved (R18, R22)',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    fill(stream, 20, 3000);
    const to = t.path('mirror.stream');

    const report = await mirrorStream({
      url: peer.url,
      publicKey: stream.publicKey,
      path: to,
      values: { metadataOnly: true },
    });
    const audit = await verifyStream(to);

    assert.is(report.snapshotProved, true);
    assert.is(report.wantedValues, 0);
    assert.equal(rowsWithoutValues(to), rowsWithoutValues(path));
    assert.equal(heldIn(to), ['drayer/snapshot']);
    assert.equal([audit.snapshot, audit.faults, audit.wanted], ['proved', 0, 20]);
    // 20 records at about 220 bytes; their values are 60,000.
    assert.ok(report.bytes < 12_000, `${report.bytes} bytes`);
  }),
);

test(
  'mirrorStream :: each mode holds what it says, and fetches no more',
  scope(async (t) => {
    const { stream, peer } = await publish(t);
    stream.transaction((tx) => {
      tx.setBytes('file', 'old.html', noise(2000, 1));
      tx.setBytes('file', 'film.mp4', noise(900_000, 2));
      tx.setBytes('publicSocialPost', 'hello', noise(100, 3));
    });
    stream.transaction((tx) => tx.setBytes('file', 'new.html', noise(2000, 4)));
    // A deletion signs its neighbours again: they are not newer by that.
    stream.transaction((tx) => tx.deleteBytes('publicSocialPost', 'hello'));
    stream.transaction((tx) => tx.setBytes('publicSocialPost', 'again', noise(50_000, 5)));
    const held = async (values: ValueMode): Promise<string> => {
      const path = t.path(`${JSON.stringify(values)}.stream`);
      const { bytes } = await mirrorStream({
        url: peer.url,
        publicKey: stream.publicKey,
        path,
        values,
      });
      const own = heldIn(path).filter((name) => !name.startsWith('drayer/'));
      const size = own.reduce((sum, name) => sum + SIZES[name as keyof typeof SIZES], 0);
      assert.ok(bytes < size + 6000, `${own}: ${bytes} for ${size}`);
      return own.join(' ');
    };

    assert.is(await held({ newest: 2 }), 'file/new.html publicSocialPost/again');
    assert.is(await held({ newest: 1, types: ['file'] }), 'file/new.html');
    assert.is(await held({ types: ['publicSocialPost'] }), 'publicSocialPost/again');
    assert.is(await held({ maxBytes: 2000 }), 'file/new.html file/old.html');
    assert.is(
      await held({ maxBytes: 400_000 }),
      'file/new.html file/old.html publicSocialPost/again',
    );
    assert.is(await held({ maxBytes: 60_000, types: ['file'] }), 'file/new.html file/old.html');
    assert.is(await held({ newest: 0 }), '');
    assert.is(await held({ maxBytes: 0 }), '');
  }),
);

const SIZES = {
  'file/old.html': 2000,
  'file/new.html': 2000,
  'file/film.mp4': 900_000,
  'publicSocialPost/again': 50_000,
};

test(
  'mirrorStream :: a value that is too large is asked about once, not in every run',
  scope(async (t) => {
    const { stream, peer } = await publish(t);
    stream.transaction((tx) => tx.setBytes('file', 'film.mp4', noise(900_000, 2)).set('a', 1));
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('m.stream') };

    await mirrorStream({ ...options, values: { maxBytes: 400_000 } });
    stream.set('b', 1);
    peer.requests.length = 0;
    const report = await mirrorStream(options);

    assert.is(report.changed, true);
    assert.equal(
      peer.requests.filter((path) => path.includes('/value/')),
      [],
    );
    assert.is(heldIn(options.path).includes('file/film.mp4'), false);
  }),
);

test(
  'mirrorStream :: the newest are kept as the stream goes on; what falls out is erased',
  scope(async (t) => {
    const { stream, peer } = await publish(t);
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('m.stream') };
    const marks = ['first-of-all', 'second-of-all', 'third-of-all', 'fourth-of-all'];
    const kept: string[] = [];

    for (const [i, mark] of marks.entries()) {
      stream.transaction((tx) => tx.setBytes('file', `${i}`, Buffer.from(mark.repeat(50))));
      await mirrorStream({ ...options, values: i === 0 ? { newest: 2 } : undefined });
      kept.push(heldIn(options.path).join(' '));
    }

    assert.equal(kept, [
      'drayer/snapshot file/0',
      'drayer/snapshot file/0 file/1',
      'drayer/snapshot file/1 file/2',
      'drayer/snapshot file/2 file/3',
    ]);
    assert.equal(
      marks.map((mark) => isInFiles(options.path, mark)),
      [false, false, true, true],
    );
  }),
);

test(
  'mirrorStream :: another mode fetches what is wanted now, and erases what is not, of the same generation',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    const mark = 'a text that is found wherever it is';
    stream.transaction((tx) => {
      for (let i = 0; i < 30; i += 1) tx.setBytes('file', `${i}`, noise(i * 20_000, i));
      tx.setBytes('note', 'mark', Buffer.from(mark.repeat(1000)));
    });
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('m.stream') };
    const run = (values?: ValueMode) => mirrorStream({ ...options, values });

    await run({ metadataOnly: true });
    const some = await run({ types: ['note'] });
    const hadMark = isInFiles(options.path, mark);
    const all = await run(EVERYTHING);
    const rows = streamRows(options.path);
    const isWhole = heldModeOfFile(options.path) === undefined;
    const small = await run({ maxBytes: 100_000 });
    const none = await run({ metadataOnly: true });
    peer.requests.length = 0;
    const again = await run();

    assert.equal([some.changed, some.fetchedValues, hadMark], [false, 1, true]);
    assert.equal([all.changed, all.fetchedValues, isWhole], [false, 30, true]);
    assert.equal(rows, streamRows(path));
    assert.equal([small.droppedValues, none.changed, none.droppedValues], [24, false, 7]);
    assert.is(isInFiles(options.path, mark), false);
    // The space is given back too: the values were 8.7 MB.
    assert.ok(readFileSync(options.path).length < 200_000);
    assert.equal([again.fetchedValues, peer.requests.length], [0, 1]);
  }),
);

test(
  'mirrorStream :: what a reader keeps from being erased is erased by the next run',
  scope(async (t) => {
    const { stream, peer } = await publish(t);
    const mark = 'a text that is found wherever it is';
    stream.setBytes('note', 'mark', Buffer.from(mark.repeat(2000)));
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('m.stream') };
    await mirrorStream(options);
    const reader = t.defer(openReader(options.path), (one) => one.close());
    const unpin = reader.pin();

    await mirrorStream({ ...options, values: { metadataOnly: true } });
    const whileRead = isInFiles(options.path, mark);
    unpin();
    await mirrorStream(options);

    assert.is(whileRead, true);
    assert.is(isInFiles(options.path, mark), false);
    assert.equal(heldIn(options.path), ['drayer/snapshot']);
  }),
);

test(
  'mirrorStream :: many small values that are wanted later come with pages, not one by one',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    stream.transaction((tx) => {
      tx.setBytes('file', 'film', noise(700_000, 1000));
      for (let i = 0; i < 600; i += 1) tx.setBytes('file', `${i}`, noise(100, i));
    });
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('m.stream') };
    await mirrorStream({ ...options, values: { newest: 300 } });
    peer.requests.length = 0;

    const report = await mirrorStream({ ...options, values: EVERYTHING });

    assert.is(report.fetchedValues, 301);
    assert.equal(streamRows(options.path), streamRows(path));
    const asked = peer.requests.filter((one) => one.includes('/value/'));
    assert.ok(asked.length === 1 && peer.requests.length < 6, `${peer.requests}`);
  }),
);

test(
  'mirrorStream :: a lie in such a page is found, and costs only what was to be had from the liar',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    stream.transaction((tx) => {
      for (let i = 0; i < 300; i += 1) tx.setBytes('file', `${i}`, Buffer.from(`value ${i}`));
    });
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('m.stream') };
    await mirrorStream({ ...options, values: { metadataOnly: true } });
    peer.tamper((asked, answer) => {
      if (!asked.includes('newRecords')) return undefined;
      const at = answer.body.indexOf('value 150');
      if (at > 0) answer.body[at] = 0;
      return undefined;
    });

    const lied = await mirrorStream({ ...options, values: EVERYTHING });
    peer.tamper(undefined);
    const honest = await mirrorStream(options);

    assert.equal([lied.fetchedValues, lied.wantedValues], [150, 150]);
    assert.match(lied.failures[0]?.error.message ?? '', /sent other bytes for value/);
    assert.equal([honest.fetchedValues, honest.wantedValues], [150, 0]);
    assert.equal(streamRows(options.path), streamRows(path));
  }),
);

test(
  'mirrorStream :: what was chosen is kept though the run fails, the first one too',
  scope(async (t) => {
    const { stream, peer } = await publish(t);
    fill(stream, 10, 1000);
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('m.stream') };
    const breakOff: Tamper = (path, _, response) => {
      if (!path.includes('newRecords')) return undefined;
      response.destroy();
      return true;
    };

    peer.tamper(breakOff);
    await rejectsCode(mirrorStream({ ...options, values: { types: ['obj'] } }), 'UNREACHABLE');
    peer.tamper(undefined);
    await mirrorStream(options);
    const first = heldIn(options.path);
    stream.set('b', 1);
    peer.tamper(breakOff);
    await rejectsCode(mirrorStream({ ...options, values: { newest: 0 } }), 'UNREACHABLE');
    peer.tamper(undefined);
    await mirrorStream(options);

    assert.equal(first, ['drayer/snapshot']);
    assert.equal(heldIn(options.path), ['drayer/snapshot']);
    assert.equal(heldModeOfFile(options.path)?.mode.newest, 0);
  }),
);

test(
  'mirrorStream :: who holds a part is of use to who wants no more, or has another source as well',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    fill(stream, 10, 5000);
    const { publicKey } = stream;
    const near = t.path('near.stream');
    await mirrorStream({ url: peer.url, publicKey, path: near, values: { newest: 3 } });
    const { port, errors } = await serve(t, [{ path: near }]);
    const url = `http://127.0.0.1:${port}`;
    const far = (name: string, values?: ValueMode, urls?: string[]) =>
      mirrorStream({ url, urls, publicKey, path: t.path(name), values, others: false });

    await far('same', { newest: 3 });
    await rejectsCode(far('whole'), 'PEER_INCOMPLETE');
    await far('whole', undefined, [peer.url]);
    const wider = await far('same', EVERYTHING);
    const widest = await far('same', undefined, [peer.url]);

    assert.is(existsSync(t.path('whole')), true);
    assert.equal(streamRows(t.path('whole')), streamRows(path));
    assert.equal([wider.wantedValues, widest.wantedValues], [7, 0]);
    assert.equal(streamRows(t.path('same')), streamRows(path));
    assert.equal(errors, []);
  }),
);

test(
  'serve :: a mirror that holds a part says so, and gives the rest as ever (R18)',
  scope(async (t) => {
    const { stream, peer } = await publish(t);
    fill(stream, 3, 5000);
    const path = t.path('m.stream');
    const { publicKey } = stream;
    await mirrorStream({ url: peer.url, publicKey, path, values: { newest: 1 } });
    const { get } = await serve(t, [{ path }]);
    const id = Buffer.from(publicKey).toString('base64url');
    const hashOf = (key: string): string =>
      Buffer.from(stream.reader.getRecord('file', key).hash).toString('hex');
    const status = async (at: string): Promise<number> => (await get(`/${id}/${at}`)).status;

    const answer = await get(`/${id}/value/${hashOf('0')}`);

    assert.is(answer.status, 503);
    assert.match(answer.body.toString(), /"code":"VALUE_NOT_HELD"/);
    assert.is(await status(`value/${hashOf('2')}`), 200);
    assert.is(await status('webAccess/0'), 503);
    assert.is(await status('newRecords/0'), 503);
    // The newest alone, and the snapshot, are held: an original can have these.
    const { modified } = stream.reader.getRecord('file', '1');
    assert.is(await status(`newRecords/${modified}`), 200);
    assert.is(await status('newRecords/0?limit=100'), 200);
    assert.is(await status(`crdr/${Number.MAX_SAFE_INTEGER}`), 200);
    assert.is(await status('record/file/0?proof=1'), 200);
  }),
);

test(
  'serve :: what a mirror has erased is served no longer, nor from memory; what has come is served at once',
  scope(async (t) => {
    const { stream, peer } = await publish(t);
    stream.transaction((tx) => {
      tx.setBytes('file', 'small', noise(5000, 1)).setBytes('file', 'film', noise(2_000_000, 2));
    });
    const { publicKey } = stream;
    const options = { url: peer.url, publicKey, path: t.path('m.stream') };
    await mirrorStream(options);
    const { get, streams } = await serve(t, [{ path: options.path }]);
    const id = Buffer.from(publicKey).toString('base64url');
    const statuses = async (): Promise<number[]> => {
      const all: number[] = [];
      for (const key of ['small', 'film']) {
        const hash = Buffer.from(stream.reader.getRecord('file', key).hash).toString('hex');
        // Twice: what is kept is kept after the first time.
        await get(`/${id}/value/${hash}`);
        all.push((await get(`/${id}/value/${hash}`)).status);
      }
      return all;
    };

    const before = await statuses();
    await mirrorStream({ ...options, values: { metadataOnly: true } });
    streams.poll();
    const erased = await statuses();
    await mirrorStream({ ...options, values: { maxBytes: 100_000 } });
    streams.poll();
    const small = await statuses();

    assert.equal(
      [before, erased, small],
      [
        [200, 200],
        [503, 503],
        [200, 503],
      ],
    );
  }),
);

test(
  'mirrorStream :: from an original, which always sends all, a part is held all the same',
  scope(async (t) => {
    const { stream, peer } = await publish(t);
    fill(stream, 10, 5000);
    peer.tamper(asOriginal);
    const options = { url: peer.url, publicKey: stream.publicKey };
    const held = async (name: string, values: ValueMode): Promise<number> => {
      await mirrorStream({ ...options, path: t.path(name), values });
      return heldIn(t.path(name)).length - 1;
    };

    assert.is(await held('none', { metadataOnly: true }), 0);
    assert.is(await held('newest', { newest: 3 }), 3);
    assert.is(await held('small', { maxBytes: 5000 }), 10);
    assert.is(await held('smaller', { maxBytes: 4999 }), 0);
    assert.is(await held('none', { newest: 4 }), 4);
    assert.is(await held('none', EVERYTHING), 10);
    assert.is(await held('newest', { types: ['obj'] }), 0);
  }),
);

test(
  'mirrorStream :: random histories and modes: always exactly the wanted values, and whole again at the end',
  scope(async (t) => {
    for (let seed = 1; seed <= scaled(3); seed += 1) {
      const random = randomFrom(seed);
      const { stream, path, peer } = await publish(t, { name: `own-${seed}` });
      const to = t.path(`mirror-${seed}.stream`);
      const run = (values: ValueMode | undefined) =>
        mirrorStream({ url: peer.url, publicKey: stream.publicKey, path: to, values });
      let mode = randomMode(random);
      stream.setBytes('file', 'k0', noise(10, seed));
      await run(mode);

      for (let step = 0; step < 12; step += 1) {
        for (let times = random.below(3); times > 0; times -= 1) change(stream, random);
        const next = random.oneIn(2) ? randomMode(random) : undefined;
        mode = next ?? mode;
        await run(next);
        assert.equal(heldIn(to), wantedOf(path, mode), `seed ${seed} step ${step}`);
        assert.equal(rowsWithoutValues(to), rowsWithoutValues(path), `seed ${seed} step ${step}`);
      }
      await run(EVERYTHING);

      assert.equal(streamRows(to), streamRows(path), `seed ${seed}`);
      assert.is((await verifyStream(to)).faults, 0);
    }
  }),
);

function change(stream: Stream, random: Random): void {
  stream.transaction((tx) => {
    for (let i = random.below(5); i >= 0; i -= 1) {
      const [type, key] = [random.pick(['file', 'note']), `k${random.below(9)}`];
      // Few contents: records often share a value, and a value often comes back.
      const value = noise(random.pick([0, 30, 3000, 300_000]), random.below(3));
      if (random.oneIn(3)) tx.deleteBytes(type, key);
      else tx.setBytes(type, key, value);
    }
  });
}

function randomMode(random: Random): ValueMode {
  return {
    metadataOnly: random.oneIn(6) ? true : undefined,
    newest: random.oneIn(3) ? random.below(6) : undefined,
    types: random.oneIn(3) ? [random.pick(['file', 'note', 'other'])] : undefined,
    maxBytes: random.oneIn(3) ? random.pick([0, 2999, 3000, 299_999, 300_000]) : undefined,
  };
}

/** The model: by the rule as it is written, over the publisher's own file. */
function wantedOf(path: string, mode: ValueMode): string[] {
  const reader = openReader(path);
  try {
    const all = [...reader.entries()].map((record) => ({
      ...record,
      size: reader.valueSize(record) ?? 0,
      content: Buffer.from(record.hash).toString('hex'),
    }));
    const others = all
      .filter(({ type }) => type !== 'drayer')
      .filter(({ type }) => mode.types?.includes(type) ?? true)
      .sort((a, b) => b.timestamp - a.timestamp || b.id - a.id)
      .slice(0, mode.metadataOnly ? 0 : (mode.newest ?? all.length))
      .filter(({ size }) => size <= (mode.maxBytes ?? size));
    const own = all.filter(({ type }) => type === 'drayer');
    const contents = new Set([...own, ...others].map(({ content }) => content));
    return all
      .filter(({ content }) => contents.has(content))
      .map(({ type, key }) => `${type}/${key}`)
      .sort();
  } finally {
    reader.close();
  }
}

function fill(stream: Stream, count: number, bytes: number): void {
  for (let i = 0; i < count; i += 1) {
    stream.transaction((tx) => tx.setBytes('file', `${i}`, noise(bytes, i + 1)));
  }
}

/** `type/key` of the records whose value is held. */
function heldIn(path: string): string[] {
  const reader = openReader(path);
  try {
    return [...reader.entries()]
      .filter((record) => reader.valueSize(record) !== undefined)
      .map(({ type, key }) => `${type}/${key}`)
      .sort();
  } finally {
    reader.close();
  }
}

function heldModeOfFile(path: string): ReturnType<typeof heldModeOf> {
  const reader = openReader(path);
  try {
    return heldModeOf(reader);
  } finally {
    reader.close();
  }
}

function rowsWithoutValues(path: string): string[] {
  return streamRows(path).map((row) => row.split(' ').slice(0, 9).join(' '));
}

/** Whether a text is anywhere in a stream file or what lies beside it. */
function isInFiles(path: string, text: string): boolean {
  const files = ['', '-wal', '-journal', '.part'].map((suffix) => path + suffix);
  return files.some((file) => existsSync(file) && readFileSync(file).includes(text));
}

/** Knows no query, no hash, no page, and says 500 to what it does not know. */
const asOriginal: Tamper = (path, answer) => {
  if (!path.includes('?') && !path.includes('/value/')) return undefined;
  answer.status = 404;
  answer.body = Buffer.from('not found');
  return undefined;
};

test.run();
