import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keyPairFromSeed, verify } from '#crypto';
import { SIGNED_BYTES } from '../../src/core/signing.ts';
import { type SharedSigning, signSlice, signTogether } from '../../src/publish/shared-signing.ts';
import { workerUrl } from '../../src/store/worker-url.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('publish/shared-signing');

const { publicKey, secretKey } = keyPairFromSeed(new Uint8Array(32).fill(7));

test('signTogether :: signs all there is, whether others come or not', () => {
  for (const count of [0, 1, 31, 32, 33, 100]) {
    const messages = messagesOf(count);
    const signatureOf = signTogether(() => {})(messages, secretKey);
    assert.is(countWrong(messages, signatureOf), 0);
  }
});

test(
  'signTogether :: another thread takes part',
  scope(async (t) => {
    const worker = t.defer(
      new Worker(workerUrl('../../src/publish/publish-worker', import.meta.url)),
      (it) => it.terminate(),
    );
    const messages = messagesOf(5000);
    let shared: SharedSigning | undefined;
    const signatureOf = signTogether((signing) => {
      shared = signing;
      worker.postMessage({ kind: 'sign', signing });
      // Its first slice is done before this thread begins.
      assert.is(Atomics.wait(signing.state, 1, 0, 30_000), 'ok');
    })(messages, secretKey);

    assert.is(countWrong(messages, signatureOf), 0);
    assert.is(shared?.state.length, 1 + Math.ceil(5000 / 32));
    assert.ok(shared?.state.subarray(1).every((isDone) => isDone === 1));
  }),
);

test('signTogether :: what is asked for first is signed first, the rest when it is asked for', () => {
  const messages = messagesOf(100);
  let shared: SharedSigning | undefined;
  const begin = signTogether((signing) => {
    shared = signing;
  });
  const signatureOf = begin(messages, secretKey);
  assert.equal([...(shared?.state ?? [])], [0, 0, 0, 0, 0]);

  signatureOf(40);

  assert.equal([...(shared?.state ?? [])], [2, 1, 1, 0, 0]);
});

test('signTogether :: a thread that dies on its slice leaves nothing unsigned', () => {
  const messages = messagesOf(100);
  const signatureOf = signTogether(({ state }) => {
    // Taken, and never done.
    Atomics.add(state, 0, 1);
  })(messages, secretKey);

  assert.is(countWrong(messages, signatureOf), 0);
});

test('signSlice :: what is signed with another key or of another message is wrong', () => {
  const messages = messagesOf(40);
  const signatureOf = signTogether((signing) => {
    signing.messages[0] = 99;
    while (signSlice(signing));
  })(messages, secretKey);

  assert.is(countWrong(messages, signatureOf), 1);
});

function messagesOf(count: number): Uint8Array {
  return Uint8Array.from({ length: count * SIGNED_BYTES }, (_, index) => (index * 31) & 0xff);
}

function countWrong(messages: Uint8Array, signatureOf: (index: number) => Uint8Array): number {
  let wrong = 0;
  for (let index = 0; index < messages.length / SIGNED_BYTES; index += 1) {
    const message = messages.slice(index * SIGNED_BYTES, (index + 1) * SIGNED_BYTES);
    if (!verify(signatureOf(index), message, publicKey)) wrong += 1;
  }
  return wrong;
}

test.run();
