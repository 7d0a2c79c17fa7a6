/** Pages that are asked for while the one before them arrives. */
import type { ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SignedRecord } from '../../src/core/record.ts';
import { HttpClient } from '../../src/mirror/http-client.ts';
import { parsePeerUrl } from '../../src/mirror/peer-url.ts';
import { Source } from '../../src/mirror/source.ts';
import { encodeRecords } from '../../src/wire/record-codec.ts';
import { record, TEST_KEYS } from '../helpers/records.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { scriptedPeer } from '../helpers/scripted-peer.ts';

const test = suite('mirror/page-ahead');

const { publicKey } = TEST_KEYS;
const RECORDS: readonly SignedRecord[] = Array.from({ length: 9 }, (_, i) => record({ id: i + 1 }));
const TIP = 90;
const PAGE = 3;

test(
  'batches :: the next page is asked for before the one before it has come, and each only once',
  scope(async (t) => {
    const asked: number[] = [];
    // The second half of a page is kept back until the next page is asked for.
    let goOn: (() => void) | undefined;
    const source = await peer(t, (since, response) => {
      asked.push(since);
      goOn?.();
      const { body, last } = page(since);
      response.setHeader('drayer-last', last);
      response.write(body.subarray(0, 100));
      goOn = () => response.end(body.subarray(100));
      if (last === TIP) goOn();
    });

    assert.equal(await idsOf(source), ids(1, 9));
    assert.equal(asked, [0, 30, 60]);
  }),
);

for (const [name, lastOf] of [
  ['nothing', () => undefined],
  ['too little', (last: number) => last - 10],
  ['too much', (last: number) => last + 10],
  ['what is no number', () => 'x'],
  ['the page before', (last: number) => last - 30],
] as const) {
  test(
    `batches :: a peer that says ${name} of where its pages end is asked from what came`,
    scope(async (t) => {
      const asked: number[] = [];
      const source = await peer(t, (since, response) => {
        asked.push(since);
        const { body, last } = page(since);
        const said = lastOf(last);
        if (said !== undefined) response.setHeader('drayer-last', said);
        response.end(body);
      });

      assert.equal(await idsOf(source), ids(1, 9));
      assert.ok([0, 30, 60].every((since) => asked.includes(since)));
      assert.ok(asked.length <= 5);
    }),
  );
}

test(
  'batches :: whoever wants no more lets the page go that was asked for',
  scope(async (t) => {
    let closed: () => void = () => {};
    const isClosed = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const source = await peer(t, (since, response) => {
      const { body, last } = page(since);
      response.setHeader('drayer-last', last);
      if (since === 0) response.end(body);
      else {
        // Never ends by itself.
        response.write(body.subarray(0, 10));
        response.once('close', closed);
      }
    });

    for await (const { records } of source.batches({ since: 0, inlineBytes: 0 })) {
      assert.equal(
        records.map(({ id }) => id),
        ids(1, 3),
      );
      break;
    }
    await isClosed;
  }),
);

async function peer(
  t: Scope,
  answer: (since: number, response: ServerResponse) => void,
): Promise<Source> {
  const { url } = await scriptedPeer(t, (path, response) => {
    response.setHeader('drayer-tip', TIP);
    answer(Number(/newRecords\/(\d+)/.exec(path)?.[1]), response);
  });
  const http = t.defer(new HttpClient(), (one) => one.close());
  return new Source(http, parsePeerUrl(url), { publicKey, isSite: false });
}

function page(since: number): { body: Uint8Array; last: number } {
  const records = RECORDS.filter(({ modified }) => modified > since).slice(0, PAGE);
  return { body: encodeRecords(records, publicKey), last: records.at(-1)?.modified ?? since };
}

async function idsOf(source: Source): Promise<number[]> {
  const found: number[] = [];
  for await (const { records } of source.batches({ since: 0, inlineBytes: 0 })) {
    found.push(...records.map(({ id }) => id));
  }
  return found;
}

function ids(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

test.run();
