/** Whom a datagram may have us ask, and how often. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DialGate } from '../../src/discovery/dial-gate.ts';

const test = suite('discovery/dial-gate');
const signed = { id: 'a', address: '10.0.0.9', url: 'http://10.0.0.9:33125', isSigned: true };

test('pass :: a server that had what it said is asked at every news, other ports of its address are not', () => {
  const gate = new DialGate(() => 0);
  gate.prove(signed);

  const known = Array.from({ length: 12 }, () => gate.pass(signed)).filter(Boolean).length;
  const others = Array.from({ length: 200 }, (_, i) =>
    gate.pass({ ...signed, id: `${i}`, url: `http://10.0.0.9:${5_000 + i}` }),
  ).filter(Boolean).length;

  // Ten at once; the rest when there is time again. Whoever writes the address of another into his
  // datagrams has that one asked once in 10 s.
  assert.is(known, 10);
  assert.is(others, 1);
});

test('pass :: what is only said does not use up what is signed, and is never at once', () => {
  let now = 0;
  const gate = new DialGate(() => now);
  const hint = { ...signed, isSigned: false };

  assert.is(gate.pass({ ...hint, address: '10.0.0.1' }), true);
  assert.is(gate.pass({ ...hint, address: '10.0.0.2' }), false);
  assert.is(gate.pass({ ...signed, address: '10.0.0.3' }), true);
  assert.is(gate.pass({ ...signed, address: '10.0.0.4' }), true);
  assert.is(gate.pass({ ...signed, address: '10.0.0.5' }), false);
  now = 10_000;
  assert.is(gate.pass({ ...hint, address: '10.0.0.2' }), true);
});

test.run();
