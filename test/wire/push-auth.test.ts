import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { encodeUtf8 } from '../../src/core/utf8.ts';
import { decodeBase64url, encodeBase64url } from '../../src/wire/base64url.ts';
import {
  authText,
  checkAuth,
  formatAuth,
  NONCE_BYTES,
  parseAuth,
  parseBodyHash,
} from '../../src/wire/push-auth.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { signRequest } from '../helpers/push-auth.ts';
import { randomFrom } from '../helpers/scale.ts';
import { throwsCode } from '../helpers/throws.ts';

const BODY = encodeUtf8('body');
const REQUEST = {
  method: 'POST',
  host: 'primary.example:8443',
  path: '/mirror/key/records?x=1',
  time: 1_700_000_000,
  nonce: Uint8Array.from({ length: NONCE_BYTES }, (_, i) => 255 - i),
};
const ASKED = { ...REQUEST, bodyHash: hash(BODY) };

const test = suite('wire/push-auth');

test('authText :: is what §8 says, line by line', () => {
  const bodyHash = Uint8Array.from({ length: 32 }, (_, i) => i);

  assert.is(
    authText({ ...REQUEST, bodyHash }),
    [
      'drayer-auth-1',
      'POST',
      'primary.example:8443',
      '/mirror/key/records?x=1',
      '1700000000',
      '__79_Pv6-fj39vX08_Lx8A',
      '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    ].join('\n'),
  );
});

test('authText :: cannot be read as a record: its first u64 is above 2^53 (R1, R2)', () => {
  const id = Buffer.from(authText(ASKED)).readBigUInt64LE(0);

  assert.ok(id > 2n ** 53n);
});

test('signRequest, parseAuth, checkAuth :: what was signed is believed', () => {
  const headers = signRequest({ ...REQUEST, body: BODY }, KEY_A);

  const auth = parseAuth(headers.Authorization);
  checkAuth(auth, ASKED, KEY_A.publicKey);

  assert.equal(auth.publicKey, KEY_A.publicKey);
  assert.is(auth.time, REQUEST.time);
  assert.equal(auth.nonce, REQUEST.nonce);
  assert.equal(parseBodyHash(headers['Drayer-Body']), hash(BODY));
});

test('signRequest :: without a body that of nothing is meant', () => {
  const headers = signRequest(REQUEST, KEY_A);

  assert.equal(parseBodyHash(headers['Drayer-Body']), hash(new Uint8Array()));
});

const OTHER: readonly (readonly [string, Partial<typeof ASKED>])[] = [
  ['another method', { method: 'PUT' }],
  ['another host', { host: 'primary.example' }],
  ['another path', { path: '/mirror/key/records' }],
  ['another body', { bodyHash: hash(encodeUtf8('bodx')) }],
];

for (const [what, change] of OTHER) {
  test(`checkAuth :: ${what} is refused`, () => {
    const auth = parseAuth(signRequest({ ...REQUEST, body: BODY }, KEY_A).Authorization);

    const check = () => checkAuth(auth, { ...ASKED, ...change }, KEY_A.publicKey);
    assert.throws(check, throwsCode('AUTH_INVALID'));
  });
}

test('checkAuth :: another time, another nonce and another key are refused', () => {
  const auth = parseAuth(signRequest({ ...REQUEST, body: BODY }, KEY_A).Authorization);

  const refused = throwsCode('AUTH_INVALID');
  const later = { ...auth, time: auth.time + 1 };
  assert.throws(() => checkAuth(later, ASKED, KEY_A.publicKey), refused);
  const fresh = { ...auth, nonce: new Uint8Array(NONCE_BYTES) };
  assert.throws(() => checkAuth(fresh, ASKED, KEY_A.publicKey), refused);
  assert.throws(() => checkAuth(auth, ASKED, KEY_B.publicKey), refused);
  const claimed = { ...auth, publicKey: KEY_B.publicKey };
  assert.throws(() => checkAuth(claimed, ASKED, KEY_B.publicKey), refused);
});

test('parseAuth :: anything else is refused', () => {
  const good = signRequest(REQUEST, KEY_A).Authorization;

  for (const text of ['', 'Drayer', 'Bearer x', `${good}x`, good.replace('.', ':'), `${good}.`]) {
    assert.throws(() => parseAuth(text), throwsCode('AUTH_INVALID'));
  }
  const noKey = formatAuth({ ...parseAuth(good), publicKey: new Uint8Array(32) });
  assert.throws(() => parseAuth(noKey), throwsCode('AUTH_INVALID'));
});

test('parseBodyHash :: only 64 hex digits are a hash', () => {
  for (const text of ['', 'ab', 'g'.repeat(64), 'a'.repeat(65)]) {
    assert.throws(() => parseBodyHash(text), throwsCode('AUTH_INVALID'));
  }
});

test('encodeBase64url, decodeBase64url :: as Buffer writes and reads it', () => {
  const random = randomFrom(7);
  for (let length = 0; length < 70; length += 1) {
    const bytes = Uint8Array.from({ length }, () => random.below(256));

    const text = encodeBase64url(bytes);

    assert.is(text, Buffer.from(bytes).toString('base64url'));
    assert.equal(decodeBase64url(text), bytes);
  }
});

test('decodeBase64url :: a second spelling of the same bytes is refused', () => {
  for (const text of ['A', 'AB', 'AAB', 'AA=', 'A+A', 'ä']) {
    assert.throws(() => decodeBase64url(text), throwsCode('MALFORMED'));
  }
});

test.run();
