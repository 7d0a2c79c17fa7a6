/** Very many sources (T050): each has its turn, whoever else there is, and it is said who had none. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addressOf, type Candidate } from '../../src/mirror/candidates.ts';
import { chooseSources } from '../../src/mirror/choose-sources.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { parsePeerUrl } from '../../src/mirror/peer-url.ts';
import { type KnownSource, readMemory } from '../../src/mirror/source-memory.ts';
import { publish } from '../helpers/published.ts';
import { type Random, randomFrom } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/choose-sources');

const MANY = 1_000;
const NONE: ReadonlyMap<string, KnownSource> = new Map();

test('chooseSources :: each of 1,000 hosts is asked within 63 rounds, also beside as many that were good', () => {
  const all = hosts();
  const good = new Map(all.slice(0, 100).map((one, i) => [addressOf(one.peer), score(one, i + 1)]));

  for (const known of [NONE, good]) {
    assert.is(askedIn(Math.ceil(MANY / 16), all, known).size, MANY);
  }
});

test('chooseSources :: the best 16 are asked every time', () => {
  const all = hosts();
  const known = new Map(
    all.map((one, i) => [addressOf(one.peer), score(one, i < 20 ? i + 1 : -5)]),
  );

  const { candidates, leftOut } = chooseSources(all, { known, turn: undefined, random: () => 0 });

  assert.is(candidates.length, 32);
  assert.is(leftOut, MANY - 32);
  const first = candidates.slice(0, 16).map((one) => known.get(addressOf(one.peer))?.score);
  assert.equal(first, [20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5]);
});

test('chooseSources :: a host with 999 addresses keeps no other from its turn', () => {
  const one = found('http://10.9.9.9:80');
  const ports = Array.from({ length: 999 }, (_, i) => found(`http://10.0.0.1:${2000 + i}`));

  const asked = askedIn(1, [...ports, one], NONE);

  assert.ok(asked.has(addressOf(one.peer)));
  assert.is(asked.size, 32);
});

test("chooseSources :: hosts that come and go take nobody's turn", () => {
  const random = randomFrom(7);
  const lasting = found('http://10.5.0.0:80');
  const passing = (): Candidate[] =>
    Array.from({ length: MANY }, () => {
      return found(`http://10.${random.below(200)}.${random.below(200)}.1:80`);
    });
  let turn: string | undefined;
  let since = 0;
  for (let round = 0; round < 100; round += 1) {
    const how = { known: NONE, turn, random: fraction(random) };
    const chosen = chooseSources([...passing(), lasting], how);
    turn = chosen.turn;
    since = chosen.candidates.includes(lasting) ? 0 : since + 1;
    assert.ok(since < 40, `${since} rounds without a turn`);
  }
});

test('chooseSources :: of very many given by hand 128 are asked, and the others have their turn', () => {
  const all = hosts().map((one): Candidate => ({ ...one, kind: 'given' }));

  const { candidates } = chooseSources(all, { known: NONE, turn: undefined, random: () => 0 });

  assert.is(candidates.length, 128 + 32);
  assert.is(askedIn(Math.ceil(MANY / 32), all, NONE).size, MANY);
});

test(
  'mirrorStream :: one good source among 1,000 that are away is found, and what is left out is said',
  scope(async (t) => {
    const { stream, path: own, peer } = await publish(t);
    stream.set('a', 1);
    const { publicKey } = stream;
    const away = Array.from({ length: MANY - 1 }, (_, i) => `http://127.9.${i >> 8}.${i & 255}:1`);
    // A name comes behind all of these addresses, so its turn is the last.
    const addresses = [...away, peer.url.replace('127.0.0.1', 'localhost')];
    const finders = [{ name: 'many', find: () => addresses }];
    const path = t.path('mirror.stream');
    const run = () => mirrorStream({ publicKey, path, finders, others: true });

    await rejectsCode(run(), 'UNREACHABLE');
    assert.is(readMemory(path).leftOut, MANY - 32);
    let rounds = 1;
    for (let isFound = false; !isFound; rounds += 1) {
      assert.ok(rounds < 33, 'it has had no turn');
      isFound = await run().then(
        ({ changed, leftOut }) => changed && leftOut > 800,
        () => false,
      );
    }

    assert.equal(streamRows(path), streamRows(own));
  }),
);

function hosts(): Candidate[] {
  return Array.from({ length: MANY }, (_, i) => found(`http://10.0.${i >> 8}.${i & 255}:80`));
}

function found(url: string): Candidate {
  return { peer: parsePeerUrl(url), kind: 'found' };
}

function score({ peer }: Candidate, points: number): KnownSource {
  const rest = { failures: 0, restsUntil: 0, tip: 0, heardAt: 0 };
  return { address: addressOf(peer), kind: 'found', score: points, ...rest };
}

/** The addresses that are asked in so many rounds. */
function askedIn(
  rounds: number,
  all: readonly Candidate[],
  known: ReadonlyMap<string, KnownSource>,
): Set<string> {
  const asked = new Set<string>();
  const random = fraction(randomFrom(3));
  let turn: string | undefined;
  for (let round = 0; round < rounds; round += 1) {
    const chosen = chooseSources(all, { known, turn, random });
    turn = chosen.turn;
    for (const { peer } of chosen.candidates) asked.add(addressOf(peer));
  }
  return asked;
}

function fraction(random: Random): () => number {
  return () => random.below(1000) / 1000;
}

test.run();
