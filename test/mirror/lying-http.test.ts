/**
 * Sources that show any true records they like, over HTTP (T017–T027): they hold every version the key has
 * ever signed, choose what to show and what to leave out, and cannot sign.
 */
import type { ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { MAX_INTEGER, type SignedRecord } from '../../src/core/record.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { hasFile } from '../../src/store/stream-file.ts';
import { encodeRecord, encodeRecords } from '../../src/wire/record-codec.ts';
import { randomBatch } from '../helpers/histories.ts';
import { VersionLog } from '../helpers/lying-source.ts';
import { PlannedWriter } from '../helpers/model-writer.ts';
import { hashOf, linesOf, recordsOf, TEST_KEYS } from '../helpers/records.ts';
import { type Random, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { scriptedPeer, send } from '../helpers/scripted-peer.ts';

const test = suite('mirror/lying-http');

const { publicKey } = TEST_KEYS;
const LIMITS = { connectMs: 5_000, firstByteMs: 5_000, idleMs: 5_000 };

test(
  'mirrorStream :: nothing is ever shown that never was, whatever sources leave out (R13, R22)',
  scope(async (t) => {
    let shown = 0;
    for (let seed = 1; seed <= scaled(8); seed += 1) {
      const { states, wrong } = await lieAndLook(t, seed, true);
      assert.equal(wrong, [], `seed ${seed}`);
      shown += states;
    }
    assert.ok(shown > 0, 'the liars never showed anything whole');
  }),
);

test(
  'mirrorStream :: without snapshots the same lies show what never was (control for T022)',
  scope(async (t) => {
    let wrong = 0;
    for (let seed = 1; seed <= 60 && wrong === 0; seed += 1) {
      wrong += (await lieAndLook(t, seed, false)).wrong.length;
    }
    assert.ok(wrong > 0, 'the control stays green');
  }),
);

/** All values of all histories, by their hashes. */
const VALUES = new Map<string, Uint8Array>();

function sendValue(asked: string, response: ServerResponse): void {
  const value = VALUES.get(/\/value\/([0-9a-f]+)/.exec(asked)?.[1] ?? '');
  send(response, value ?? 'no', value === undefined ? 404 : 200);
}

function nameOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex');
}

/** One history, one mirror that is lied to after each generation, then one honest contact. */
async function lieAndLook(
  t: Scope,
  seed: number,
  snapshots: boolean,
): Promise<{ states: number; wrong: string[] }> {
  const random = randomFrom(seed);
  const writer = new PlannedWriter({ snapshots });
  const log = new VersionLog();
  const generations: (readonly SignedRecord[])[] = [];
  const history = new Set<string>();
  const path = t.path(`${snapshots}-${seed}.stream`);
  const liars = [await liar(t, random, log, generations), await liar(t, random, log, generations)];
  const wrong: string[] = [];
  let states = 0;
  for (let round = 0; round < 6; round += 1) {
    commit(writer, random, round);
    log.note(writer.records());
    generations.push(writer.records());
    history.add(linesOf(writer.records()).join('\n'));

    const urls = random.oneIn(2) ? liars : liars.slice(0, 1);
    const report = await mirrorStream({ urls, publicKey, path, limits: LIMITS }).catch(refused);
    const visible = linesAt(path);
    if (report?.changed) states += 1;
    if (visible !== undefined && !history.has(visible)) wrong.push(visible);
  }
  if (wrong.length > 0) return { states, wrong };

  const honest = await honestPeer(t, writer.records());
  // Whatever was staged, by whoever: one honest contact goes on from there.
  await mirrorStream({ urls: [...liars, honest], publicKey, path, limits: LIMITS });
  const now = linesOf(writer.records()).join('\n');
  if (linesAt(path) !== now) wrong.push(`not ${now}`);
  return { states, wrong };
}

/** A refusal is right; a claim that the key has two histories is not, for it has one. */
function refused(error: unknown): undefined {
  assert.ok(isDrayerError(error), String(error));
  assert.is.not(error.code, 'TWO_HISTORIES', error.message);
}

function commit(writer: PlannedWriter, random: Random, round: number): void {
  const { puts, deletes } = randomBatch(writer, random);
  writer.commitBatch(
    {
      puts: puts.map((key) => {
        const text = `${key} ${round}`;
        const [hash, value] = [hashOf(text), new TextEncoder().encode(text)];
        VALUES.set(nameOf(hash), value);
        return { type: 'obj', key, hash, value };
      }),
      deletes: deletes.map((key) => ({ type: 'obj', key })),
    },
    1_000 + round * 50,
  );
}

async function liar(
  t: Scope,
  random: Random,
  { versions }: VersionLog,
  generations: readonly (readonly SignedRecord[])[],
): Promise<string> {
  const { url } = await scriptedPeer(t, (asked, response) => {
    const [, operation = '', number = '0'] = /\/(newRecords|crdr)\/(\d+)/.exec(asked) ?? [];
    const since = Number(number);
    if (operation === 'newRecords') {
      response.setHeader('drayer-tip', String(random.pick(versions).modified));
      return send(response, encodeRecords(page(random, versions, generations, since), publicKey));
    }
    if (operation !== 'crdr') return sendValue(asked, response);
    const pointing = versions.filter(({ prevChange }) => prevChange === since);
    // As a tip mostly one that was a tip.
    const tips = generations.flatMap((one) => one.slice(-1));
    const from = since === MAX_INTEGER && !random.oneIn(6) ? tips : pointing;
    const one = random.pick(from.length > 0 ? from : versions);
    return send(response, encodeRecord(one, publicKey));
  });
  return url;
}

/** Some generation, now and then with records of another one in it, or without some of its own. */
function page(
  random: Random,
  versions: readonly SignedRecord[],
  generations: readonly (readonly SignedRecord[])[],
  since: number,
): SignedRecord[] {
  const shown = new Map(random.pick(generations).map((record) => [record.modified, record]));
  for (let changes = random.below(3); changes > 0; changes -= 1) {
    const other = random.pick(versions);
    if (random.oneIn(2)) shown.set(other.modified, other);
    else shown.delete(random.pick([...shown.keys(), 0]));
  }
  const later = [...shown.values()].filter(({ modified }) => modified > since);
  return later.sort((a, b) => a.modified - b.modified);
}

async function honestPeer(t: Scope, records: readonly SignedRecord[]): Promise<string> {
  const { url } = await scriptedPeer(t, (asked, response) => {
    const [, operation = '', number = '0'] = /\/(newRecords|crdr)\/(\d+)/.exec(asked) ?? [];
    const at = Number(number);
    if (operation === 'newRecords') {
      const later = records.filter(({ modified }) => modified > at);
      response.setHeader('drayer-tip', String(records.at(-1)?.modified));
      return send(response, encodeRecords(later, publicKey));
    }
    const one = records.findLast(({ prevChange }) => prevChange <= at);
    if (operation !== 'crdr' || one === undefined) return sendValue(asked, response);
    return send(response, encodeRecord(one, publicKey));
  });
  return url;
}

function linesAt(path: string): string | undefined {
  if (!hasFile(path)) return undefined;
  const reader = openReader(path);
  try {
    return linesOf(recordsOf(reader.view)).join('\n');
  } finally {
    reader.close();
  }
}

test.run();
