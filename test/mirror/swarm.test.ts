/** `fetchFromAll` (R17): from all who have it, past whoever is slow, away or false. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { DrayerError } from '../../src/core/errors.ts';
import type { Source } from '../../src/mirror/source.ts';
import { fetchFromAll, type SwarmRest } from '../../src/mirror/swarm.ts';
import { noise } from '../helpers/published.ts';
import { randomFrom, scaled } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';
import { send } from '../helpers/scripted-peer.ts';
import { rejectsCode } from '../helpers/throws.ts';
import { type ValuePeer, valuePeer } from '../helpers/value-peer.ts';

const test = suite('mirror/swarm');

const MB = 1_000_000;

type Run = SwarmRest & {
  /** Values that came right. */
  readonly came: number;
  readonly received: number;
  readonly excluded: Map<Source, DrayerError>;
  readonly ms: number;
};

/** Fetches all `values` from these peers, and checks that each comes once, and right. */
async function fetchAll(values: readonly Uint8Array[], peers: readonly ValuePeer[]): Promise<Run> {
  const left = new Map(values.map((value) => [nameOf(hash(value)), value]));
  const excluded = new Map<Source, DrayerError>();
  let received = 0;
  const start = performance.now();
  const rest = await fetchFromAll(
    values.map((value) => hash(value)),
    {
      sources: peers.map(({ source }) => source),
      excluded,
      onValue: (digest, value) => {
        assert.ok(Buffer.from(value).equals(left.get(nameOf(digest)) ?? Buffer.alloc(0)));
        left.delete(nameOf(digest));
      },
      onBytes: (bytes) => {
        received += bytes;
      },
    },
  );
  const ms = performance.now() - start;
  assert.is(rest.missing.length, left.size);
  return { ...rest, came: values.length - left.size, received, excluded, ms };
}

function nameOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex');
}

function many(count: number, bytes: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => noise(bytes, i + 1));
}

test(
  'fetchFromAll :: four sources of 1 MB/s each come close to 4 MB/s; one is the control',
  scope(async (t) => {
    const values = [noise(1.5 * MB, 99), ...many(15, 100_000)];
    const peer = (): Promise<ValuePeer> => valuePeer(t, { values, bytesPerSecond: MB });
    const four = [await peer(), await peer(), await peer(), await peer()];

    const alone = await fetchAll(values, [await peer()]);
    const together = await fetchAll(values, four);

    assert.is(together.came, 16);
    const ratio = alone.ms / together.ms;
    assert.ok(alone.ms > 2500, `the control took ${alone.ms} ms`);
    // 3.4 on a quiet machine.
    assert.ok(ratio > 2.6, `${ratio}: one ${alone.ms} ms, four ${together.ms} ms`);
    assert.ok(together.received < 1.2 * 3 * MB, `${together.received} bytes for 3 MB`);
  }),
);

test(
  'fetchFromAll :: one large value comes from all of them',
  scope(async (t) => {
    const values = [noise(3 * MB)];
    const peer = (): Promise<ValuePeer> => valuePeer(t, { values, bytesPerSecond: 2 * MB });
    const peers = [await peer(), await peer(), await peer()];

    const run = await fetchAll(values, peers);

    assert.is(run.came, 1);
    for (const one of peers) assert.ok(one.sent() > 0.5 * MB, `${peers.map((p) => p.sent())}`);
    assert.ok(run.received < 1.2 * 3 * MB, `${run.received} bytes`);
  }),
);

test(
  'fetchFromAll :: a slow source, and one that never answers, hold up nobody',
  scope(async (t) => {
    const values = many(12, 300_000);
    const fast = await valuePeer(t, { values });
    const slow = await valuePeer(t, { values, bytesPerSecond: 20_000 });
    const silent = await valuePeer(t, { values, answer: () => true });

    const run = await fetchAll(values, [silent, slow, fast]);

    assert.is(run.came, 12);
    // Of its own the slow one would take 15 s for each, the silent one 10 s for nothing.
    assert.ok(run.ms < 4000, `${run.ms} ms`);
    assert.is(run.excluded.size, 0);
  }),
);

test(
  'fetchFromAll :: a value that breaks off is gone on with at another source, from there on',
  scope(async (t) => {
    const values = [noise(MB)];
    const broken = await valuePeer(t, {
      values,
      answer: (response, value) => {
        response.writeHead(200, { 'Content-Length': value.length });
        response.write(value.subarray(0, 700_000), () => response.destroy());
        return true;
      },
    });
    const other = await valuePeer(t, { values, bytesPerSecond: 5 * MB });

    const run = await fetchAll(values, [broken, other]);

    assert.is(run.came, 1);
    assert.is(broken.requests.length, 1);
    assert.ok(other.sent() <= 300_000 + 65_536 * 4, `${other.sent()} bytes from the other`);
  }),
);

test(
  'fetchFromAll :: a source that does not have it means the others; so does one that holds a part',
  scope(async (t) => {
    const values = many(20, 20_000);
    const empty = await valuePeer(t, { values: [] });
    const half = await valuePeer(t, { values: values.slice(0, 10) });
    const partial = await valuePeer(t, {
      values,
      answer: (response) => {
        response.setHeader('Content-Type', 'application/problem+json');
        response.statusCode = 503;
        response.end(JSON.stringify({ status: 503, code: 'VALUE_NOT_HELD', detail: 'no' }));
        return true;
      },
    });
    const rest = await valuePeer(t, { values: values.slice(8) });

    const run = await fetchAll(values, [empty, half, partial, rest]);
    const without = await fetchAll(values, [empty, half, partial]);

    assert.is(run.came, 20);
    assert.is(without.came, 10);
    assert.is(
      without.missing.every(({ lackedBy }) => lackedBy.size === 3),
      true,
    );
    assert.is(without.failures.size, 0);
  }),
);

test(
  'fetchFromAll :: who sends other bytes is named, and asked for nothing more (A3)',
  scope(async (t) => {
    const values = many(30, 50_000);
    const liar = await valuePeer(t, { values, falsify: flipped });
    const honest = await valuePeer(t, { values, bytesPerSecond: 2 * MB });

    const run = await fetchAll(values, [liar, honest]);

    assert.is(run.came, 30);
    assert.equal([...run.excluded.keys()], [liar.source]);
    assert.match(run.excluded.get(liar.source)?.message ?? '', /sent other bytes for value/);
    // Those that were under way when the first came; not the thirty.
    assert.ok(liar.requests.length <= 4, `${liar.requests.length} requests`);
  }),
);

test(
  'fetchFromAll :: a liar that brings only a part of a value is found out, the others are not blamed',
  scope(async (t) => {
    const values = [noise(MB)];
    const honest = await valuePeer(t, { values, bytesPerSecond: MB });
    const other = await valuePeer(t, { values, bytesPerSecond: MB });
    const liar = await valuePeer(t, {
      values,
      bytesPerSecond: MB,
      falsify: (body, start) => (start === 0 ? body : flipped(body)),
    });

    const run = await fetchAll(values, [honest, other, liar]);

    assert.is(run.came, 1);
    assert.equal([...run.excluded.keys()], [liar.source]);
  }),
);

test(
  'fetchFromAll :: a false size does not cost an honest source its name',
  scope(async (t) => {
    const values = [noise(MB)];
    const liar = await valuePeer(t, {
      values,
      answer: (response, value, start) => {
        const size = value.length * 20;
        const range = { 'Content-Range': `bytes ${start}-${size - 1}/${size}` };
        response.writeHead(start === 0 ? 200 : 206, { 'Content-Length': size - start, ...range });
        response.write(noise(100_000));
        return true;
      },
    });
    const honest = await valuePeer(t, { values, bytesPerSecond: 4 * MB });

    const run = await fetchAll(values, [liar, honest]);

    assert.is(run.came, 1);
    assert.is(run.excluded.has(honest.source), false);
    assert.is(run.excluded.has(liar.source), true);
  }),
);

test(
  'fetchFromAll :: a server that knows no ranges helps all the same',
  scope(async (t) => {
    const values = [noise(2 * MB)];
    const first = await valuePeer(t, { values, bytesPerSecond: 300_000 });
    const plain = await valuePeer(t, { values, bytesPerSecond: 20 * MB, knowsNoRanges: true });

    const run = await fetchAll(values, [first, plain]);

    assert.is(run.came, 1);
    assert.is(run.excluded.size, 0);
    assert.ok(run.ms < 4000, `${run.ms} ms`);
  }),
);

test(
  'fetchFromAll :: whoever is busy is left alone for a moment, whoever stays so is given up',
  scope(async (t) => {
    const values = many(3, 1000);
    let refusals = 2;
    const busy = await valuePeer(t, {
      values,
      answer: (response) => {
        refusals -= 1;
        if (refusals < 0) return false;
        send(response, 'busy', 503);
        return true;
      },
    });
    const never = await valuePeer(t, {
      values,
      answer: (response) => {
        send(response, 'busy', 503);
        return true;
      },
    });

    const run = await fetchAll(values, [busy, never]);

    assert.is(run.came, 3);
    assert.is(run.excluded.size, 0);
  }),
);

test(
  'fetchFromAll :: nobody left ends it, with why',
  scope(async (t) => {
    const values = many(5, 1000);
    const away = await valuePeer(t, { values });
    const liar = await valuePeer(t, { values, falsify: flipped });
    const gone = await valuePeer(t, {
      values,
      answer: (response) => {
        response.destroy();
        return true;
      },
    });

    const none = await fetchAll(values, []);
    const run = await fetchAll(values, [liar, gone]);

    assert.is(none.missing.length, 5);
    assert.is(run.missing.length, 5);
    assert.is(run.failures.get(liar.source)?.code, 'PEER_MISBEHAVED');
    assert.is(run.failures.get(gone.source)?.code, 'UNREACHABLE');
    assert.is(away.requests.length, 0);
  }),
);

test(
  'fetchFromAll :: what keeping a value throws ends it at once, whoever is still asked',
  scope(async (t) => {
    const values = many(10, 1000);
    const silent = await valuePeer(t, { values, answer: () => true });
    const quick = await valuePeer(t, { values });
    const start = performance.now();

    const run = fetchFromAll(
      values.map((value) => hash(value)),
      {
        sources: [silent.source, quick.source],
        excluded: new Map(),
        onValue: () => {
          throw new DrayerError('STORAGE_FAILED', 'the disk is full');
        },
        onBytes: () => {},
      },
    );

    await rejectsCode(run, 'STORAGE_FAILED');
    assert.ok(performance.now() - start < 3000);
  }),
);

test(
  'fetchFromAll :: ninety-nine liars and one honest source, in bounded time and traffic (A3)',
  scope(async (t) => {
    const values = [...many(10, 30_000), new Uint8Array(0)];
    const liars: ValuePeer[] = [];
    for (let i = 0; i < 99; i += 1) liars.push(await valuePeer(t, { values, falsify: flipped }));
    const honest = await valuePeer(t, { values });

    const run = await fetchAll(values, [...liars, honest]);

    assert.is(run.came, 11);
    assert.is(run.excluded.has(honest.source), false);
    const asked = liars.map(({ requests }) => requests.length);
    assert.ok(Math.max(...asked) <= 4, `${asked}`);
    assert.ok(run.ms < 10_000, `${run.ms} ms`);
  }),
);

test(
  'fetchFromAll :: random peers: what an honest one has comes, and no honest one is excluded',
  scope(async (t) => {
    for (let seed = 1; seed <= scaled(4); seed += 1) {
      const random = randomFrom(seed);
      const values = Array.from({ length: 1 + random.below(12) }, (_, i) =>
        noise(random.oneIn(3) ? random.below(2 * MB) : random.below(5000), seed * 100 + i),
      );
      const had = new Set<Uint8Array>();
      const honest = new Set<Source>();
      const peers: ValuePeer[] = [];
      for (let i = 0; i < 5; i += 1) {
        const isHonest = i === 0 || random.oneIn(2);
        const held = i === 0 ? values : values.filter(() => random.oneIn(2));
        const peer = await valuePeer(t, {
          values: held,
          bytesPerSecond: random.oneIn(2) ? undefined : (1 + random.below(10)) * MB,
          knowsNoRanges: random.oneIn(4),
          falsify: isHonest
            ? undefined
            : (body, at) => (random.oneIn(2) ? flipped(body) : Buffer.from(noise(body.length, at))),
          answer: (response) => {
            if (isHonest && i === 0) return false;
            if (!random.oneIn(6)) return false;
            response.destroy();
            return true;
          },
        });
        peers.push(peer);
        if (isHonest) honest.add(peer.source);
        if (isHonest) for (const value of held) had.add(value);
      }

      const run = await fetchAll(values, peers);

      assert.is(run.came, values.length, `seed ${seed}`);
      for (const source of run.excluded.keys())
        assert.is(honest.has(source), false, `seed ${seed}`);
    }
  }),
);

/** One bit of the middle is another. */
function flipped(body: Buffer): Buffer {
  const other = Buffer.from(body);
  const at = body.length >> 1;
  if (body.length > 0) other[at] = (other[at] ?? 0) ^ 1;
  return other;
}

test.run();
