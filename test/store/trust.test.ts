import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readForkProof, writeForkProof } from '../../src/store/fork-proof.ts';
import { readTrust, trustPathOf, writeTrust } from '../../src/store/trust.ts';
import { scope } from '../helpers/scope.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('store/trust');

test(
  'readTrust :: what was written comes back, with and without a snapshot',
  scope((t) => {
    const path = trustPathOf(t.path('a.stream'));
    assert.is(readTrust(path), undefined);

    for (const trust of [
      { tip: 12 },
      { tip: 13, snapshot: { seq: 4, root: new Uint8Array(32).fill(9) } },
    ]) {
      writeTrust(path, trust);
      assert.equal(readTrust(path), trust);
    }

    assert.is(path, t.path('a.stream.trust'));
    assert.is(statSync(path).mode & 0o777, 0o600);
  }),
);

test(
  'readTrust :: a file that is none is refused, not forgotten',
  scope((t) => {
    const path = t.path('a.trust');
    const root = '00'.repeat(32);

    for (const text of [
      '',
      'null',
      '{}',
      '{"tip":-1}',
      '{"tip":1.5}',
      '{"tip":1,"seq":1}',
      `{"tip":1,"root":"${root}"}`,
      `{"tip":1,"seq":"1","root":"${root}"}`,
      `{"tip":1,"seq":1,"root":"${root}00"}`,
    ]) {
      writeFileSync(path, text);
      assert.throws(() => readTrust(path), throwsCode('STREAM_INVALID'));
    }
  }),
);

test(
  'writeForkProof :: the first proof stays; what is none gives way',
  scope((t) => {
    const stream = t.path('a.stream');
    assert.is(readForkProof(stream), undefined);

    const isProof = (body: Uint8Array): boolean => body.length === 2;
    for (const half of ['', 'x']) {
      writeFileSync(t.path('a.stream.fork'), half);
      writeForkProof(stream, new Uint8Array([1, 2]), isProof);
      writeForkProof(stream, new Uint8Array([3, 4]), isProof);

      assert.equal(readForkProof(stream), new Uint8Array([1, 2]));
      assert.equal([...readFileSync(t.path('a.stream.fork'))], [1, 2]);
    }
  }),
);

test.run();
