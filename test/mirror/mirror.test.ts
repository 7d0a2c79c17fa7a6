/** `mirrorStream` against our own server: whole generations, as little as possible, in one step. */
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { decode, encode } from '@msgpack/msgpack';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import type { MirrorProgress } from '../../src/mirror/session.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { writeForeign } from '../helpers/foreign-writer.ts';
import { KEY_A } from '../helpers/keys.ts';
import { noise, publish } from '../helpers/published.ts';
import { randomFrom, scaled } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/mirror');

test(
  'mirrorStream :: the first run copies every row and proves it by the snapshot (R13, R15, R22)',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    stream.transaction((tx) => {
      for (let i = 0; i < 40; i += 1) tx.setBytes('file', `page-${i}.html`, noise(500, i));
    });

    const report = await mirrorStream({
      url: `${peer.url}/${stream.id.replace(/[+/=]/g, encodeURIComponent)}`,
      dataDir: t.path('data'),
    });

    assert.equal(streamRows(report.path), streamRows(path));
    assert.equal(
      { ...report, path: undefined, generation: report.generation.snapshot?.seq, bytes: undefined },
      {
        path: undefined,
        id: stream.id,
        generation: 1,
        changed: true,
        snapshotProved: true,
        signatures: 'checked',
        source: 'current',
        values: {},
        wantedValues: 0,
        droppedValues: 0,
        fetchedRecords: 41,
        failures: [],
        fallen: [],
        fetchedValues: 0,
        bytes: undefined,
        unremembered: undefined,
        leftOut: 0,
      },
    );
    const id = formatStreamId(stream.publicKey, 'base32');
    assert.is(report.path, t.path('data', `${id}.stream`));
    assert.is(statSync(t.path('data')).mode & 0o777, 0o700);
    assert.is(existsSync(`${report.path}.part`), false);
    assert.is(peer.requests.length, 2);
  }),
);

test(
  'mirrorStream :: with nothing new it asks once and writes nothing',
  scope(async (t) => {
    const { stream, peer } = await publish(t);
    stream.set('a', 1);
    const path = t.path('mirror.stream');
    const options = { url: peer.url, publicKey: stream.publicKey, path };
    await mirrorStream(options);
    peer.requests.length = 0;
    const before = snapshotFiles(t.directory);

    const report = await mirrorStream(options);

    assert.is(report.changed, false);
    assert.is(report.source, 'current');
    assert.is(report.snapshotProved, true);
    assert.is(peer.requests.length, 1);
    assert.equal(snapshotFiles(t.directory), before);
  }),
);

test(
  'mirrorStream :: a reader sees the old generation whole until it sees the new one whole (R15)',
  scope(async (t) => {
    const { stream, peer } = await publish(t);
    stream.transaction((tx) => tx.set('a', 1).set('b', 1));
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('mirror.stream') };
    await mirrorStream(options);
    const reader = t.defer(openReader(options.path), (one) => one.close());
    const seen = new Set<string>();
    const look = (): void => {
      const keys = [...reader.entries({ type: 'obj' })].map((record) => record.key).join();
      seen.add(`${reader.generation().snapshot?.seq} ${keys}`);
    };

    stream.transaction((tx) => {
      tx.delete('a');
      tx.set('c', 2).set('big', noise(600_000));
    });
    await mirrorStream({ ...options, onProgress: look });
    look();

    assert.equal([...seen], ['1 a,b', '2 b,big,c']);
    assert.is(existsSync(`${options.path}.part`), false);
  }),
);

test(
  'mirrorStream :: a value held under the same hash is not fetched again (R17)',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    const film = noise(3_000_000);
    stream.setBytes('file', 'film.mp4', film);
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('mirror.stream') };
    const first = await mirrorStream(options);

    stream.transaction((tx) => {
      tx.deleteBytes('file', 'film.mp4');
      tx.setBytes('file', 'renamed.mp4', film);
      tx.setBytes('file', 'copy.mp4', film);
    });
    const second = await mirrorStream(options);

    assert.is(first.fetchedValues, 1);
    assert.is(second.fetchedValues, 0);
    assert.ok(second.bytes < 2000, `${second.bytes} bytes`);
    assert.equal(streamRows(options.path), streamRows(path));
  }),
);

test(
  'mirrorStream :: two files that exchange their content keep it, and nothing is fetched',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    const [a, b] = [noise(400_000, 1), noise(400_000, 2)];
    stream.transaction((tx) => tx.setBytes('file', 'a', a).setBytes('file', 'b', b));
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('mirror.stream') };
    await mirrorStream(options);

    stream.transaction((tx) => tx.setBytes('file', 'a', b).setBytes('file', 'b', a));
    const report = await mirrorStream(options);

    assert.is(report.fetchedValues, 0);
    assert.equal(streamRows(options.path), streamRows(path));
  }),
);

test(
  'mirrorStream :: follows random histories, also through a mirror of a mirror, row by row',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    const near = t.path('near.stream');
    const far = t.path('far.stream');
    const { publicKey } = stream;
    stream.set('first', 0);
    await mirrorStream({ url: peer.url, publicKey, path: near });
    const { port } = await serve(t, [{ path: near }]);

    for (let seed = 1; seed <= scaled(25); seed += 1) {
      const random = randomFrom(seed);
      stream.transaction((tx) => {
        for (let i = random.below(6); i >= 0; i -= 1) {
          const key = `k${random.below(12)}`;
          if (random.below(3) === 0) tx.delete(key);
          else tx.set(key, noise(random.below(4) === 0 ? 300_000 : 20, seed * 10 + i));
        }
      });
      if (random.below(3) > 0) await mirrorStream({ url: peer.url, publicKey, path: near });
      if (random.below(3) > 0) {
        await mirrorStream({ url: `http://127.0.0.1:${port}`, publicKey, path: far });
        assert.equal(streamRows(far), streamRows(near), `seed ${seed}`);
      }
    }
    await mirrorStream({ url: peer.url, publicKey, path: near });

    assert.equal(streamRows(near), streamRows(path));
  }),
);

test(
  'mirrorStream :: small pages and a writer at work between them still end exact (R14)',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    stream.transaction((tx) => {
      for (let i = 0; i < 30; i += 1) tx.set(`k${i}`, i);
    });
    let pages = 0;
    peer.tamper((asked, answer) => {
      const limit = /newRecords\/(\d+)\?limit=4096/.exec(asked);
      if (limit === null) return undefined;
      pages += 1;
      // Behind the mirror's back, after every page but not for ever.
      if (pages <= 6) {
        stream.transaction((tx) => {
          tx.set(`k${pages}`, 'changed');
          tx.delete(`k${pages + 10}`);
        });
      }
      answer.body = firstRecords(answer.body, 4);
      return undefined;
    });

    await mirrorStream({
      url: peer.url,
      publicKey: stream.publicKey,
      path: t.path('mirror.stream'),
    });

    assert.ok(pages > 6, `${pages} pages`);
    assert.equal(streamRows(t.path('mirror.stream')), streamRows(path));
  }),
);

test(
  'mirrorStream :: a source that is behind changes nothing, and is called behind (R22)',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    stream.set('a', 1);
    stream.transaction(() => {});
    const old = t.path('old.stream');
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('mirror.stream') };
    await mirrorStream({ ...options, path: old });
    stream.set('a', 2);
    await mirrorStream(options);
    const { port } = await serve(t, [{ path: old }]);

    const report = await mirrorStream({ ...options, url: `http://127.0.0.1:${port}` });

    assert.is(report.source, 'behind');
    assert.is(report.changed, false);
    assert.equal(streamRows(options.path), streamRows(path));
  }),
);

test(
  'mirrorStream :: a mirror whose file was lost or rolled back takes no older state (R22)',
  scope(async (t) => {
    const { stream, peer } = await publish(t);
    stream.set('a', 1);
    const old = t.path('old.stream');
    const { publicKey } = stream;
    await mirrorStream({ url: peer.url, publicKey, path: old });
    stream.set('a', 2);
    const path = t.path('mirror.stream');
    await mirrorStream({ url: peer.url, publicKey, path });
    const { port } = await serve(t, [{ path: old }]);
    const url = `http://127.0.0.1:${port}`;

    copyFileSync(old, path);
    const rolledBack = await mirrorStream({ url, publicKey, path });
    const lost = t.path('lost.stream');
    copyFileSync(`${path}.trust`, `${lost}.trust`);
    const error = await rejectsCode(
      mirrorStream({ url, publicKey, path: lost }),
      'PEER_INCOMPLETE',
    );

    assert.is(rolledBack.source, 'behind');
    assert.match(error.message, /older state/);
    assert.is(existsSync(lost), false);
  }),
);

test(
  'mirrorStream :: a stream without snapshots is mirrored, and called unproved',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t, { snapshots: false });
    stream.set('a', 1);
    stream.set('b', 2);
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('mirror.stream') };

    const report = await mirrorStream(options);

    assert.is(report.snapshotProved, false);
    assert.equal(streamRows(options.path), streamRows(path));
  }),
);

test(
  'mirrorStream :: a stream that once had a snapshot is not taken without one (R20)',
  scope(async (t) => {
    const { stream, peer } = await publish(t, { snapshots: false });
    stream.set('a', 1);
    const path = t.path('mirror.stream');
    const other = createStream(t.path('other.stream'));
    other.set('x', 1);
    const { snapshot } = other.reader.generation();
    other.close();
    const { writeTrust, trustPathOf } = await import('../../src/store/trust.ts');
    writeTrust(trustPathOf(path), { tip: 1, snapshot });

    const error = await rejectsCode(
      mirrorStream({ url: peer.url, publicKey: stream.publicKey, path }),
      'PEER_INCOMPLETE',
    );

    assert.match(error.message, /expected a snapshot: this stream had one with seq 1/);
    assert.is(existsSync(path), false);
  }),
);

test(
  'mirrorStream :: what a program without snapshots wrote is not shown until one covers it (R22)',
  scope(async (t) => {
    const { secretKey } = KEY_A;
    const { stream, path, peer } = await publish(t, { secretKey });
    stream.set('a', 1);
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('mirror.stream') };
    await mirrorStream(options);
    const before = streamRows(options.path);

    writeForeign(path, secretKey, ['b', 'a']);
    const uncovered = await mirrorStream(options);
    const again = await mirrorStream(options);
    const fresh = { ...options, path: t.path('fresh.stream') };
    const error = await rejectsCode(mirrorStream(fresh), 'PEER_INCOMPLETE');

    assert.equal([uncovered.source, uncovered.changed], ['uncovered', false]);
    assert.equal([again.source, again.fetchedRecords], ['uncovered', 0]);
    assert.equal(streamRows(options.path), before);
    assert.match(error.message, 'after its newest snapshot');
    stream.set('c', 1);
    const covered = await mirrorStream(options);
    assert.is(covered.source, 'current');
    assert.equal(streamRows(options.path), streamRows(path));
  }),
);

test(
  'mirrorStream :: stopped in the middle it says so, and the next run goes on (R15)',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    stream.transaction((tx) => {
      for (let i = 0; i < 8; i += 1) tx.setBytes('file', `film-${i}`, noise(300_000, i));
    });
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('mirror.stream') };
    const stop = new AbortController();
    const onProgress = ({ values }: MirrorProgress): void => {
      if (values === 3) stop.abort();
    };

    await rejectsCode(mirrorStream({ ...options, signal: stop.signal, onProgress }), 'ABORTED');
    const report = await mirrorStream(options);

    assert.is(report.fetchedRecords, 0);
    assert.ok(report.fetchedValues <= 5, `${report.fetchedValues} values`);
    assert.equal(streamRows(options.path), streamRows(path));
    await rejectsCode(mirrorStream({ ...options, signal: stop.signal }), 'ABORTED');
  }),
);

test(
  'mirrorStream :: what an earlier run left is checked before it is believed (R15)',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    stream.transaction((tx) => tx.set('a', noise(100)).set('film', noise(300_000)));
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('mirror.stream') };
    for (const damage of [
      "UPDATE record SET value = x'00' WHERE key = 'a'",
      "UPDATE record SET key = 'b' WHERE key = 'a'",
      "UPDATE record SET signature = 7 WHERE key = 'a'",
      'DROP TABLE drayer_missing',
      "DELETE FROM record WHERE key = 'a'",
    ]) {
      const stop = new AbortController();
      const onProgress = ({ records }: MirrorProgress): void => {
        if (records > 0) stop.abort();
      };
      const { signal } = stop;
      await rejectsCode(mirrorStream({ ...options, signal, onProgress }), 'ABORTED');
      const part = new Database(`${options.path}.part`);
      part.exec(damage);
      part.close();

      await mirrorStream(options);

      assert.equal(streamRows(options.path), streamRows(path), damage);
      for (const end of ['', '-wal', '-shm', '.trust']) rmSync(options.path + end, { force: true });
    }
  }),
);

test(
  'mirrorStream :: a second run into the same file waits for nobody',
  scope(async (t) => {
    const { stream, peer } = await publish(t);
    stream.set('film', noise(400_000));
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('mirror.stream') };
    let second: Promise<Error> | undefined;
    const onProgress = (): void => {
      second ??= rejectsCode(mirrorStream(options), 'STREAM_BUSY');
    };

    const report = await mirrorStream({ ...options, onProgress });

    assert.match((await second)?.message ?? '', 'another process is mirroring this stream');
    assert.is(report.changed, true);
  }),
);

test(
  'mirrorStream :: an empty stream is mirrored as one',
  scope(async (t) => {
    const { stream, peer } = await publish(t, { snapshots: false });
    const path = t.path('mirror.stream');

    const report = await mirrorStream({ url: peer.url, publicKey: stream.publicKey, path });

    assert.is(report.generation.count, 0);
    assert.equal(streamRows(path), []);
  }),
);

/** Every file below a directory with its bytes and times, but SQLite's shared memory. */
function snapshotFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith('mirror.') && !name.endsWith('-shm'))
    .map((name) => `${directory}/${name}`)
    .map((path) => `${path} ${statSync(path).mtimeMs} ${readFileSync(path).toString('base64')}`);
}

/** A list cut down to its first records, as a server with a smaller limit would send it. */
function firstRecords(list: Buffer, most: number): Buffer {
  const records = decode(list, { useBigInt64: true }) as unknown[];
  return Buffer.from(encode(records.slice(0, most), { useBigInt64: true }));
}

test.run();
