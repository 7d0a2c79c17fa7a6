/**
 * Random histories through random faults: what is visible is always a generation that was published,
 * never an older one than before, and one honest contact brings the newest.
 */
import { existsSync } from 'node:fs';
import { decode, encode } from '@msgpack/msgpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import type { Tamper } from '../helpers/proxy-peer.ts';
import { noise, publish } from '../helpers/published.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('mirror/chaos');

const EXPECTED = ['PEER_INCOMPLETE', 'PEER_MISBEHAVED', 'UNREACHABLE', 'NOT_FOUND', 'TOO_LARGE'];

for (const snapshots of [true, false]) {
  test(
    `mirrorStream :: whatever a peer does, ${snapshots ? 'with' : 'without'} snapshots (R12–R17, R22)`,
    scope(async (t) => {
      const seed = freshSeed();
      const random = randomFrom(seed);
      const { stream, path: own, peer } = await publish(t, { snapshots });
      const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('mirror.stream') };
      // The empty stream was the first state: a peer that denies having anything shows that one.
      const published: string[] = [''];
      const old: Buffer[] = [];
      let newest = -1;

      for (let round = 0; round < scaled(40); round += 1) {
        writeBatch(stream, random, round);
        published.push(streamRows(own).join('\n'));
        peer.tamper(faults(random, old));
        const code = await mirrorStream(options).then(
          () => 'done',
          (error: unknown) => (isDrayerError(error) ? error.code : String(error)),
        );
        const where = `seed ${seed}, round ${round}, ${code}`;
        assert.ok(['done', ...EXPECTED].includes(code), where);
        if (existsSync(options.path)) {
          const shown = published.lastIndexOf(streamRows(options.path).join('\n'));
          // Without a snapshot a lie by omission can show what never was (R20); with one it cannot.
          if (snapshots) assert.ok(shown >= newest && shown >= 0, `${where}: shows ${shown}`);
          newest = Math.max(newest, shown);
        }
        peer.tamper(undefined);
        if (random.below(3) > 0) continue;
        await mirrorStream(options);
        newest = published.length - 1;
        assert.is(streamRows(options.path).join('\n') === published[newest], true, where);
      }
    }),
  );
}

function writeBatch(
  stream: Awaited<ReturnType<typeof publish>>['stream'],
  random: Random,
  round: number,
): void {
  stream.transaction((tx) => {
    tx.set('round', round);
    for (let i = random.below(5); i > 0; i -= 1) {
      const key = `k${random.below(8)}`;
      if (random.below(3) === 0) tx.delete(key);
      else tx.set(key, noise(random.below(5) === 0 ? 300_000 : 30, round * 10 + i));
    }
  });
}

/** One kind of fault for a whole run, at random requests of it. */
function faults(random: Random, old: Buffer[]): Tamper {
  const kind = random.below(8);
  return (path, answer, response) => {
    const isList = path.includes('newRecords');
    if (isList) old.push(answer.body);
    if (random.below(3) === 0 || answer.status !== 200) return undefined;
    if (kind === 0) answer.status = [404, 500, 503][random.below(3)] ?? 404;
    if (kind === 1) {
      response.writeHead(answer.status, { 'content-length': answer.body.length });
      const end = random.below(answer.body.length);
      response.write(answer.body.subarray(0, end), () => response.destroy());
      return true;
    }
    if (kind === 2) flipBit(answer.body, random);
    if (kind === 3 && isList) answer.body = old[random.below(old.length)] as Buffer;
    if (kind === 4 && isList) changeList(answer, (list) => list.slice(0, 1 + random.below(3)));
    if (kind === 5 && isList) changeList(answer, (list) => list.filter(() => random.below(5) > 0));
    if (kind === 6 && isList) changeList(answer, (list) => list.map(({ val: _, ...rest }) => rest));
    return undefined;
  };
}

function flipBit(body: Buffer, random: Random): void {
  const at = random.below(body.length);
  body[at] = (body[at] ?? 0) ^ (1 << random.below(8));
}

type WireMap = Record<string, unknown>;

function changeList(answer: { body: Buffer }, change: (list: WireMap[]) => WireMap[]): void {
  const list = decode(answer.body, { useBigInt64: true }) as WireMap[];
  answer.body = Buffer.from(encode(change(list), { useBigInt64: true }));
}

test.run();
