/** What an earlier run has kept of a value: gone on with where it is right, nobody's lie where it is not (R17). */
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import type { DrayerError } from '../../src/core/errors.ts';
import type { Source } from '../../src/mirror/source.ts';
import { fetchFromAll } from '../../src/mirror/swarm.ts';
import { PartValues, partValuesPathOf } from '../../src/store/part-values.ts';
import { noise } from '../helpers/published.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { type ValuePeer, valuePeer } from '../helpers/value-peer.ts';

const test = suite('mirror/kept-parts');

const MB = 1_000_000;
const FILM = noise(2 * MB);
const HASH = hash(FILM);
const OTHER = noise(2 * MB, 2);

type Ends = {
  readonly excluded: readonly Source[];
  /** Bytes that were asked for. */
  readonly received: number;
};

function open(t: Scope): PartValues {
  return t.defer(new PartValues(t.path('m.stream')), (one) => one.close());
}

function fileOf(t: Scope, digest = HASH): string {
  return join(partValuesPathOf(t.path('m.stream')), Buffer.from(digest).toString('hex'));
}

/** Keeps these bytes of the film as a run before would have. */
function keep(t: Scope, start: number, end: number, from = FILM, size = FILM.length): void {
  const parts = open(t);
  for (let at = start; at < end; at += 100_000) {
    parts.keep(HASH, size, [{ at, bytes: from.subarray(at, Math.min(end, at + 100_000)) }]);
  }
  parts.close();
}

/** Fetches the film, and checks that it comes right, once, and that nothing of it is left. */
async function fetchFilm(t: Scope, peers: readonly ValuePeer[], size = FILM): Promise<Ends> {
  const parts = open(t);
  const excluded = new Map<Source, DrayerError>();
  let [came, received] = [0, 0];
  const rest = await fetchFromAll([HASH], {
    sources: peers.map(({ source }) => source),
    excluded,
    parts,
    onValue: (digest, value) => {
      assert.ok(Buffer.from(value).equals(size), 'other bytes');
      came += 1;
      parts.remove(digest);
    },
    onBytes: (bytes) => {
      received += bytes;
    },
  });
  assert.is(came, 1);
  assert.is(rest.missing.length, 0);
  assert.not(existsSync(partValuesPathOf(t.path('m.stream'))));
  return { excluded: [...excluded.keys()], received };
}

const SLACK = 0.1 * MB;

test(
  'fetchFromAll :: only what is missing is asked for, also in the middle, from one source and from three',
  scope(async (t) => {
    for (const count of [1, 3]) {
      const peers = await Promise.all(
        Array.from({ length: count }, () => valuePeer(t, { values: [FILM] })),
      );
      keep(t, 0, 0.5 * MB);
      keep(t, 1 * MB, 1.8 * MB);
      const { excluded, received } = await fetchFilm(t, peers);
      assert.equal(excluded, []);
      assert.ok(received < 0.7 * MB + SLACK, `${received} bytes, ${count} sources`);
    }
  }),
);

test(
  'fetchFromAll :: where all of it is kept, a byte is asked for and no more',
  scope(async (t) => {
    keep(t, 0, FILM.length);
    const { received } = await fetchFilm(t, [await valuePeer(t, { values: [FILM] })]);
    assert.is(received, 1);
  }),
);

test(
  'fetchFromAll :: kept bytes that are wrong, checksum and all, are fetched again once, and nobody is named',
  scope(async (t) => {
    for (const [start, end] of [
      [0, 1_500_000],
      [500_000, 1_900_000],
      [0, FILM.length],
    ] as const) {
      for (const count of [1, 3]) {
        const peers = await Promise.all(
          Array.from({ length: count }, () =>
            valuePeer(t, { values: [FILM], bytesPerSecond: 8 * MB }),
          ),
        );
        keep(t, start, end, OTHER);
        const { excluded, received } = await fetchFilm(t, peers);
        assert.equal(excluded, []);
        assert.ok(received <= 1.2 * FILM.length, `${received} bytes, ${start}, ${count}`);
      }
    }
  }),
);

test(
  'fetchFromAll :: a kept file that is bent in any way gives the right value, and no source is called a liar',
  scope(async (t) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const peer = await valuePeer(t, { values: [FILM] });
    const bend: readonly ((bytes: Buffer) => Buffer)[] = [
      (bytes) => {
        const at = random.below(bytes.length);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        return bytes;
      },
      (bytes) => bytes.subarray(0, random.below(bytes.length)),
      (bytes) => Buffer.concat([bytes, noise(3 * MB, random.below(99))]),
      (bytes) => Buffer.concat([bytes, bytes.subarray(44)]),
      (bytes) => bytes.fill(0, 44 + random.below(bytes.length - 44)),
      () => Buffer.alloc(0),
      () => Buffer.from(noise(MB, random.below(99))),
    ];
    for (let round = 0; round < scaled(2); round += 1) {
      for (const [i, change] of bend.entries()) {
        keep(t, 0, 1.5 * MB);
        writeFileSync(fileOf(t), change(readFileSync(fileOf(t))));
        const { excluded, received } = await fetchFilm(t, [peer]);
        assert.equal(excluded, [], `${i}, seed ${seed}`);
        assert.ok(received <= FILM.length + SLACK, `${received} bytes, ${i}, seed ${seed}`);
      }
    }
  }),
);

test(
  "fetchFromAll :: another value's file, under its own name and under this one's, with its head or without",
  scope(async (t) => {
    const peer = await valuePeer(t, { values: [FILM] });
    const parts = open(t);
    parts.keep(hash(OTHER), OTHER.length, [{ at: 0, bytes: OTHER.subarray(0, MB) }]);
    parts.close();
    const others = readFileSync(fileOf(t, hash(OTHER)));
    open(t).keepOnly(() => false);
    keep(t, 0, 100_000);
    const head = readFileSync(fileOf(t)).subarray(0, 44);
    for (const content of [others, Buffer.concat([head, others.subarray(44)])]) {
      keep(t, 0, 100_000);
      writeFileSync(fileOf(t), content);
      assert.equal((await fetchFilm(t, [peer])).excluded, []);
    }
  }),
);

test(
  'fetchFromAll :: a kept size that is not the value’s is nobody’s lie; a source that says a wrong one loses nothing',
  scope(async (t) => {
    for (const size of [1_900_000, 3 * MB]) {
      for (const count of [1, 3]) {
        const peers = await Promise.all(
          Array.from({ length: count }, () => valuePeer(t, { values: [FILM] })),
        );
        keep(t, 0, 1.5 * MB, noise(3 * MB), size);
        assert.equal((await fetchFilm(t, peers)).excluded, [], `${size}, ${count}`);
      }
    }

    // The one that lies about the size is asked first, and what was kept is not thrown away for it.
    const liar = await valuePeer(t, {
      values: [FILM],
      answer: (response, value, start) => {
        const range = `bytes ${start}-${value.length}/${value.length + 1}`;
        response.writeHead(206, {
          'Content-Range': range,
          'Content-Length': value.length + 1 - start,
        });
        response.end(Buffer.from(value.subarray(start)));
        return true;
      },
    });
    const honest = await valuePeer(t, { values: [FILM], bytesPerSecond: 4 * MB });
    keep(t, 0, 1.5 * MB);
    const { excluded, received } = await fetchFilm(t, [liar, honest]);
    assert.equal(excluded, [liar.source]);
    assert.ok(honest.sent() <= 0.5 * MB + SLACK, `${honest.sent()} of ${received} bytes`);
  }),
);

test(
  'fetchFromAll :: a file with a wrong size and nothing in it is in nobody’s way',
  scope(async (t) => {
    const peers = [1, 2].map(() => valuePeer(t, { values: [FILM] }));
    keep(t, 0, 1000, FILM, 3 * MB);
    truncateSync(fileOf(t), 44);
    const { excluded, received } = await fetchFilm(t, await Promise.all(peers));
    assert.equal(excluded, []);
    assert.ok(received <= FILM.length + SLACK, `${received} bytes`);
  }),
);

test(
  'fetchFromAll :: a source that lies about what was not kept is found out, and what it brought is not kept',
  scope(async (t) => {
    const flipped = (body: Buffer): Buffer => {
      const bytes = Buffer.from(body);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      return bytes;
    };
    const liar = await valuePeer(t, { values: [FILM], falsify: flipped });
    const honest = await valuePeer(t, { values: [FILM], bytesPerSecond: 4 * MB });
    keep(t, 0, 1.5 * MB);

    const { excluded } = await fetchFilm(t, [liar, honest]);

    assert.equal(excluded, [liar.source]);
  }),
);

test(
  'fetchFromAll :: what a source has brought that is found to lie is not kept for the next run, nor is it the others’',
  scope(async (t) => {
    const small = noise(900_000, 9);
    const slow = { values: [FILM], bytesPerSecond: 0.5 * MB };
    for (const count of [0, 1]) {
      let isLate = false;
      const liar = await valuePeer(t, {
        values: [FILM, small],
        bytesPerSecond: 0.5 * MB,
        answer: (response, value) => {
          if (value.length !== small.length) return false;
          const wait = setInterval(() => {
            if (!isLate) return;
            clearInterval(wait);
            response.writeHead(200, { 'Content-Length': small.length });
            response.end(Buffer.from(noise(small.length, 77)));
          }, 10);
          return true;
        },
        falsify: () => Buffer.from(OTHER),
      });
      const others = count === 0 ? [] : [await valuePeer(t, slow)];
      const parts = open(t);
      const excluded = new Map<Source, DrayerError>();
      const stop = new Error('enough');
      const run = fetchFromAll([HASH, hash(small)], {
        sources: [liar, ...others].map(({ source }) => source),
        excluded,
        parts,
        onKept: () => {
          if (excluded.size > 0) throw stop;
          isLate ||= parts.bytes > 0.2 * MB;
        },
        onValue: () => {},
        onBytes: () => {},
      });
      assert.is(
        await run.then(
          () => undefined,
          (error: unknown) => error,
        ),
        count === 0 ? undefined : stop,
      );
      assert.equal([...excluded.keys()], [liar.source]);

      const into = new Uint8Array(FILM.length);
      const ranges = open(t).find(HASH)?.load(into) ?? [];
      assert.is(ranges.length > 0, count > 0);
      for (const { start, end } of ranges) {
        assert.equal(into.subarray(start, end), FILM.subarray(start, end));
      }
    }
  }),
);

test(
  'fetchFromAll :: what no source has any more holds up nobody, and stays',
  scope(async (t) => {
    const small = noise(5000, 9);
    const peer = await valuePeer(t, { values: [small] });
    keep(t, 0, 1.5 * MB);
    const parts = open(t);
    let came = 0;
    const rest = await fetchFromAll([HASH, hash(small)], {
      sources: [peer.source],
      excluded: new Map(),
      parts,
      onValue: () => {
        came += 1;
      },
      onBytes: () => {},
    });

    assert.is(came, 1);
    assert.is(rest.missing.length, 1);
    assert.is(open(t).find(HASH)?.bytes, 1.5 * MB);
  }),
);

test(
  'fetchFromAll :: a slow value is kept after a second, as it comes; a small one, and a quick one, never',
  scope(async (t) => {
    const small = noise(900_000, 9);
    const quick = noise(3 * MB, 8);
    const slow = await valuePeer(t, { values: [FILM, small], bytesPerSecond: 1.5 * MB });
    const fast = await valuePeer(t, { values: [quick], bytesPerSecond: 6 * MB });
    const parts = open(t);
    const folder = partValuesPathOf(t.path('m.stream'));
    const seen = new Set<string>();
    const kept: number[] = [];
    const wanted = [HASH, hash(small), hash(quick)];
    await fetchFromAll(wanted, {
      sources: [slow.source, fast.source],
      excluded: new Map(),
      parts,
      onKept: () => {
        kept.push(parts.bytes);
        for (const name of readdirSync(folder)) seen.add(name);
      },
      onValue: (digest) => parts.remove(digest),
      onBytes: () => {},
    });

    assert.equal([...seen], [Buffer.from(HASH).toString('hex')]);
    assert.ok(kept.length >= 3, `kept ${kept}`);
    assert.equal(
      kept,
      [...kept].sort((a, b) => a - b),
    );
    assert.not(existsSync(folder));
  }),
);

test.run();
