/** `newRecordAvailable`: who has something newer is believed when the stream's key says so, and not too often. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { announceGeneration } from '../../src/mirror/announce.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { encodeRecordMessage } from '../../src/wire/datagram.ts';
import { operationPath } from '../../src/wire/paths.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';

const test = suite('server/announced');

const OCTETS = { 'content-type': 'application/octet-stream' };

test(
  'newRecordAvailable :: a newer record of the stream is passed on, once in a while',
  scope(async (t) => {
    const { mirror, newest, calls } = await mirrorBehind(t);
    const { url, errors } = await mirror();

    const untold = await announceGeneration([{ type: 'http', url }], newest);

    assert.equal(untold, []);
    assert.equal(calls, [newest.publicKey]);
    const again = await post(url, encodeRecordMessage(newest.record, newest));
    assert.is(again.status, 503);
    assert.is(calls.length, 1);
    assert.equal(errors, [], 'who asks too much is no fault of the server');
  }),
);

test(
  'newRecordAvailable :: what is no news, not signed, of another stream or too long moves nothing',
  scope(async (t) => {
    const { mirror, newest, held, calls } = await mirrorBehind(t);
    const { record, publicKey, httpPort } = newest;
    const whole = encodeRecordMessage(record, newest);
    const signature = new Uint8Array(record.signature);
    signature.set([signature[0]! ^ 1]);
    const cases: [number, Uint8Array, Record<string, string>][] = [
      [204, encodeRecordMessage(held, newest), OCTETS],
      [400, encodeRecordMessage({ ...record, signature }, newest), OCTETS],
      [400, encodeRecordMessage(record, { publicKey: KEY_B.publicKey, httpPort }), OCTETS],
      [400, whole.subarray(0, -1), OCTETS],
      [400, whole, { 'content-type': 'text/plain' }],
      [413, new Uint8Array(16_385), OCTETS],
    ];

    for (const [status, body, headers] of cases) {
      const { url } = await mirror();
      const answer = await post(url, body, headers);
      assert.is(answer.status, status, await answer.text());
    }

    assert.equal(calls, []);
    assert.equal(publicKey, KEY_A.publicKey);
  }),
);

test(
  'newRecordAvailable :: where nothing mirrors, nobody is told',
  scope(async (t) => {
    const { newest, path } = await mirrorBehind(t);
    const { port } = await serve(t, [{ path }]);

    const answer = await post(
      `http://127.0.0.1:${port}`,
      encodeRecordMessage(newest.record, newest),
    );

    assert.is(answer.status, 501);
  }),
);

/** A mirror that has the first generation of a stream of two. */
async function mirrorBehind(t: Scope) {
  const { stream, peer } = await publish(t, { secretKey: KEY_A.secretKey });
  const { publicKey } = stream;
  stream.set('apple', 1);
  const path = t.path('mirror.stream');
  await mirrorStream({ url: peer.url, publicKey, path });
  const held = snapshotOf(stream);
  stream.set('apple', 2);
  const calls: Uint8Array[] = [];
  // A new server each time: what one was told a moment ago it does not hear again.
  const mirror = async () => {
    const onAnnounced = (key: Uint8Array): void => void calls.push(key);
    const { port, errors } = await serve(t, [{ path }], { onAnnounced });
    return { url: `http://127.0.0.1:${port}`, errors };
  };
  const newest = { record: snapshotOf(stream), publicKey, httpPort: 0 };
  return { mirror, newest, held, calls, path };
}

function snapshotOf({ reader }: Awaited<ReturnType<typeof publish>>['stream']) {
  const { snapshotRecord } = reader.generation();
  assert.ok(snapshotRecord !== undefined);
  return snapshotRecord;
}

function post(url: string, body: Uint8Array, headers: Record<string, string> = OCTETS) {
  const path = operationPath(KEY_A.publicKey, 'newRecordAvailable');
  return fetch(url + path, { method: 'POST', body: Buffer.from(body), headers });
}

test.run();
