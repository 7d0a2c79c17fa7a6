import type { Context } from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { cutAddress } from '../../src/server/push-address.ts';
import { PushGate } from '../../src/server/push-gate.ts';
import { LEASE_SECONDS, PushLeases } from '../../src/server/push-leases.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { signRequest } from '../helpers/push-auth.ts';
import { throwsCode } from '../helpers/throws.ts';

const HOST = 'primary.example';
const START = 1_700_000_000;

const test = suite('server/push-gate');

/** As much of a request as the gate looks at. */
function request(time: number, nonce: number): Context {
  const asked = { method: 'POST', host: HOST, path: '/x/lease', time };
  const bytes = new Uint8Array(16).fill(nonce);
  const headers = { ...signRequest({ ...asked, nonce: bytes }, KEY_A), Host: HOST };
  const byName = new Map(Object.entries(headers).map(([name, text]) => [name.toLowerCase(), text]));
  const req = { url: asked.path, headers: Object.fromEntries(byName) };
  const get = (name: string): string => byName.get(name.toLowerCase()) ?? '';
  return { method: asked.method, req, get } as unknown as Context;
}

function gateAt(now: { second: number }): PushGate {
  return new PushGate({ isAllowed: () => true, nowMs: () => now.second * 1000 + 999 });
}

test('admit :: up to 60 s either way, to the second', () => {
  const now = { second: START };
  const gate = gateAt(now);

  for (const [nonce, off] of [-60, 0, 60].entries()) {
    assert.equal(gate.admit(request(START + off, nonce), KEY_A.publicKey), hash(new Uint8Array()));
  }
  for (const [nonce, off] of [-61, 61].entries()) {
    const late = (): unknown => gate.admit(request(START + off, 10 + nonce), KEY_A.publicKey);
    assert.throws(late, throwsCode('CLOCK_OFF'));
  }
});

test('admit :: a nonce is remembered as long as its request is in time', () => {
  const now = { second: START };
  const gate = gateAt(now);
  const early = request(START + 60, 1);
  gate.admit(early, KEY_A.publicKey);

  for (const second of [START, START + 60, START + 120]) {
    now.second = second;
    assert.throws(() => gate.admit(early, KEY_A.publicKey), throwsCode('AUTH_INVALID'));
  }
  now.second = START + 121;
  assert.throws(() => gate.admit(early, KEY_A.publicKey), throwsCode('CLOCK_OFF'));
});

test('admit :: a request that was refused does not use up its nonce', () => {
  const now = { second: START - 100 };
  const gate = gateAt(now);
  const asked = request(START, 1);

  assert.throws(() => gate.admit(asked, KEY_A.publicKey), throwsCode('CLOCK_OFF'));
  assert.throws(() => gate.admit(asked, KEY_B.publicKey), throwsCode('CLOCK_OFF'));
  now.second = START;
  assert.throws(() => gate.admit(asked, KEY_B.publicKey), throwsCode('AUTH_INVALID'));
  gate.admit(asked, KEY_A.publicKey);
});

test('PushLeases :: each stream has its own, for a minute', () => {
  let nowMs = 0;
  const leases = new PushLeases(() => nowMs);
  const a = leases.take(KEY_A.publicKey);
  const b = leases.take(KEY_B.publicKey);

  leases.check(KEY_A.publicKey, a);
  assert.throws(() => leases.check(KEY_B.publicKey, a), throwsCode('LEASE_LOST'));
  assert.throws(() => leases.take(KEY_B.publicKey), throwsCode('LEASE_HELD'));
  nowMs = LEASE_SECONDS * 1000 - 1;
  leases.renew(KEY_A.publicKey, a);
  nowMs += 1;
  leases.check(KEY_A.publicKey, a);
  assert.throws(() => leases.check(KEY_B.publicKey, b), throwsCode('LEASE_LOST'));
  assert.is.not(leases.take(KEY_B.publicKey), b);
});

const ADDRESSES: readonly (readonly [string, string])[] = [
  ['192.0.2.77', '192.0.2.0'],
  ['::ffff:192.0.2.77', '192.0.2.0'],
  ['2001:db8:12:3456::9', '2001:db8:12::'],
  ['2001:db8::9', '2001:db8::'],
  ['::1', '::'],
  ['fe80::1%eth0', 'fe80::'],
];

test('cutAddress :: the network, all of it, or nothing', () => {
  for (const [address, cut] of ADDRESSES) assert.is(cutAddress(address), cut);
  assert.is(cutAddress('::ffff:192.0.2.77', 'full'), '192.0.2.77');
  assert.is(cutAddress('192.0.2.77', 'none'), undefined);
  assert.is(cutAddress(undefined, 'full'), undefined);
});

test.run();
