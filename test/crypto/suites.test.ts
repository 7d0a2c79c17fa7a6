import { createPublicKey, verify as verifyByOpenssl } from 'node:crypto';
import { blake2b } from '@noble/hashes/blake2.js';
import nacl from 'tweetnacl';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadNative } from '../../src/crypto/native.ts';
import { portable } from '../../src/crypto/portable.ts';
import type { Suite } from '../../src/crypto/suite.ts';
import {
  type Affine,
  bytesOf,
  encode,
  FIELD,
  forge,
  isValidByTheBook,
  numberOf,
  ORDER,
  SMALL_ORDER,
} from '../helpers/edwards.ts';
import { KEY_A, KEY_B, KEY_C } from '../helpers/keys.ts';
import { vectorJson } from '../helpers/old-wire.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';

type Vectors = {
  records: {
    name: string;
    signer: 'A' | 'B' | 'C';
    key_hash_hex: string;
    type: string;
    type_hash_hex: string;
    signed_bytes_hex: string;
    signature_hex: string;
  }[];
  verify: {
    name: string;
    public_hex: string;
    message_hex: string;
    signature_hex: string;
    libsodium_accepts: boolean;
  }[];
};
type Signed = { signature: Uint8Array; message: Uint8Array; publicKey: Uint8Array };

const vectors = vectorJson<Vectors>('signing.json');
const KEYS = { A: KEY_A, B: KEY_B, C: KEY_C };
const native = loadNative();
const SUITES = [native, portable];
const NEUTRAL: Affine = { x: 0n, y: 1n };

const test = suite('crypto/suites');

for (const suiteUnderTest of SUITES) {
  const { suite: name } = suiteUnderTest;

  test(`sign :: ${name} reproduces every signature of the original (R1)`, () => {
    for (const vector of vectors.records) {
      const { secretKey, publicKey } = KEYS[vector.signer];
      const message = fromHex(vector.signed_bytes_hex);

      const signature = suiteUnderTest.sign(message, secretKey);

      assert.is(hex(signature), vector.signature_hex, vector.name);
      assert.is(suiteUnderTest.verify(signature, message, publicKey), true, vector.name);
    }
  });

  test(`verify :: ${name} gives libsodium's verdict on every vector (R2)`, () => {
    for (const vector of vectors.verify) {
      const verdict = suiteUnderTest.verify(
        fromHex(vector.signature_hex),
        fromHex(vector.message_hex),
        fromHex(vector.public_hex),
      );

      assert.is(verdict, vector.libsodium_accepts, vector.name);
    }
  });

  test(`hash :: ${name} is BLAKE2b-256 and returns a fresh array`, () => {
    for (const { type, type_hash_hex } of vectors.records) {
      assert.is(hex(suiteUnderTest.hash(new TextEncoder().encode(type))), type_hash_hex);
    }
    const first = suiteUnderTest.hash(new Uint8Array(0));
    const copy = first.slice();
    const second = suiteUnderTest.hash(Uint8Array.of(1));

    assert.is(hex(first), '0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8');
    assert.equal(first, copy);
    assert.is.not(hex(first), hex(second));
    assert.is(first.length, 32);
  });

  test(`hash :: ${name} reads a view of a larger buffer`, () => {
    const whole = Buffer.from('before the bytes behind');
    const view = whole.subarray(7, 10);

    assert.equal(suiteUnderTest.hash(view), blake2b(Uint8Array.from(view), { dkLen: 32 }));
  });

  test(`keyPairFromSeed :: ${name} gives the pair the original has for a seed`, () => {
    for (const { secretKey, publicKey } of Object.values(KEYS)) {
      const pair = suiteUnderTest.keyPairFromSeed(secretKey.slice(0, 32));

      assert.equal(pair.publicKey, publicKey);
      assert.equal(pair.secretKey, secretKey);
    }
  });

  test(`verify :: ${name} refuses wrong lengths without throwing (R2)`, () => {
    const { signature, message, publicKey } = signedBy(randomFrom(1));
    const longer = Uint8Array.from([...signature, 0]);

    assert.is(suiteUnderTest.verify(longer, message, publicKey), false);
    assert.is(suiteUnderTest.verify(signature.subarray(1), message, publicKey), false);
    assert.is(suiteUnderTest.verify(new Uint8Array(0), message, publicKey), false);
    assert.is(suiteUnderTest.verify(signature, message, publicKey.subarray(1)), false);
    assert.is(suiteUnderTest.verify(signature, message, new Uint8Array(33)), false);
    assert.is(suiteUnderTest.verify(signature, message, new Uint8Array(0)), false);
    assert.is(suiteUnderTest.isAcceptablePublicKey(new Uint8Array(0)), false);
    assert.is(suiteUnderTest.isAcceptablePublicKey(Uint8Array.from([...publicKey, 0])), false);
  });

  test(`verify :: ${name} refuses S + L and everything else above the order (R2)`, () => {
    const { signature, message, publicKey } = signedBy(randomFrom(2));
    const s = numberOf(signature.subarray(32));

    for (let times = 1n; times <= 15n && s + times * ORDER < 2n ** 256n; times += 1n) {
      const other = Uint8Array.from([...signature.subarray(0, 32), ...bytesOf(s + times * ORDER)]);
      assert.is(suiteUnderTest.verify(other, message, publicKey), false, `S + ${times} L`);
    }
    assert.is(suiteUnderTest.verify(signature, message, publicKey), true);
  });

  test(`isAcceptablePublicKey :: ${name} refuses every encoding of a point of small order (R2)`, () => {
    const encodings = SMALL_ORDER.flatMap((point) => {
      // Only a y below 19 has a second encoding in 255 bits.
      const all = point.y < 19n ? [encode(point), encode(point, FIELD)] : [encode(point)];
      return all.flatMap((encoding) => [encoding, flipSign(encoding)]);
    });

    for (const encoding of encodings) {
      assert.is(suiteUnderTest.isAcceptablePublicKey(encoding), false, hex(encoding));
    }
  });

  test(`isAcceptablePublicKey :: ${name} refuses y that is not below p (R2)`, () => {
    for (let y = FIELD; y < 2n ** 255n; y += 1n) {
      assert.is(suiteUnderTest.isAcceptablePublicKey(bytesOf(y)), false);
      assert.is(suiteUnderTest.isAcceptablePublicKey(flipSign(bytesOf(y))), false);
    }
  });
}

test('verify :: both suites judge torsion in the key and in R as the book does (R2)', () => {
  let accepted = 0;
  for (const [i, key] of SMALL_ORDER.entries()) {
    for (const [j, r] of SMALL_ORDER.entries()) {
      const message = Uint8Array.of(i, j);
      const forged = forge(message, { key, r });

      const verdict = agreedVerdict({ ...forged, message });

      assert.is(verdict, isValidByTheBook({ ...forged, message }), `torsion ${i}, ${j}`);
      if (verdict) accepted += 1;
    }
  }
  assert.ok(accepted >= 1);
});

test('verify :: both suites accept a key with torsion where the torsion cancels (R2)', () => {
  const key = SMALL_ORDER[4] ?? NEUTRAL;
  const verdicts = new Set<boolean>();

  for (let i = 0; i < 16; i += 1) {
    const message = Uint8Array.of(i);
    const forged = forge(message, { key, r: NEUTRAL });
    const verdict = agreedVerdict({ ...forged, message });
    assert.is(verdict, isValidByTheBook({ ...forged, message }));
    verdicts.add(verdict);
  }

  // Even challenges cancel a point of order 2: both verdicts must have come up.
  assert.is(verdicts.size, 2);
});

test('verify :: both suites refuse R of small order under a good key (R2)', () => {
  const { publicKey, message } = signedBy(randomFrom(3));

  for (const point of SMALL_ORDER) {
    for (const r of [encode(point), flipSign(encode(point))]) {
      const signature = Uint8Array.from([...r, ...bytesOf(1n)]);
      assert.is(agreedVerdict({ signature, message, publicKey }), false);
    }
  }
});

test('verify :: R = identity with a matching S is refused although the equation holds (R2)', () => {
  // r = 0: S = h·a satisfies S·B = R + h·A.
  const message = Uint8Array.of(9);
  const forged = forge(message, { key: NEUTRAL, r: NEUTRAL }, { nonce: 0n });

  assert.is(nacl.sign.detached.verify(message, forged.signature, forged.publicKey), true);
  assert.is(agreedVerdict({ ...forged, message }), false);
});

test('control :: bare tweetnacl takes what R2 refuses', () => {
  const { signature, message, publicKey } = signedBy(randomFrom(4));
  const s = numberOf(signature.subarray(32));
  const malleated = Uint8Array.from([...signature.subarray(0, 32), ...bytesOf(s + ORDER)]);
  const identity = encode(NEUTRAL);
  const free = Uint8Array.from([...identity, ...bytesOf(0n)]);

  assert.is(nacl.sign.detached.verify(message, malleated, publicKey), true);
  assert.is(nacl.sign.detached.verify(message, free, identity), true);
});

test('verify :: both suites give one verdict on random mutations (R2)', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);
  const verdicts = { accepted: 0, refused: 0 };

  for (let i = 0; i < scaled(1000); i += 1) {
    const mutated = mutate(signedBy(random), random);
    const note = `seed ${seed}, round ${i}`;
    const verdict = agreedVerdict(mutated, note);
    // What we take, everybody takes; what we alone refuse has a point of small order in it.
    if (verdict) assert.ok(othersAccept(mutated), note);
    else if (othersAccept(mutated)) assert.ok(hasSmallOrder(mutated), note);
    if (verdict) verdicts.accepted += 1;
    else verdicts.refused += 1;
  }

  assert.ok(verdicts.accepted > 0 && verdicts.refused > 0, `seed ${seed}`);
});

test('isAcceptablePublicKey :: both suites give one verdict on random bytes (R2)', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);
  const message = Uint8Array.of(1);

  for (let i = 0; i < scaled(3000); i += 1) {
    const publicKey = randomBytes(random, 32);
    if (random.oneIn(4)) publicKey.fill(255, 1, 31);
    assert.is(
      native.isAcceptablePublicKey(publicKey),
      portable.isAcceptablePublicKey(publicKey),
      `seed ${seed}, round ${i}`,
    );
    // An unacceptable key never verifies, whatever the rest is.
    if (native.isAcceptablePublicKey(publicKey)) continue;
    assert.is(native.verify(randomBytes(random, 64), message, publicKey), false);
  }
});

test('hash :: both suites agree on every length up to three blocks', () => {
  const bytes = randomBytes(randomFrom(5), 400);

  for (let length = 0; length <= 400; length += 1) {
    const data = bytes.subarray(0, length);
    assert.equal(native.hash(data), portable.hash(data));
  }
});

function agreedVerdict({ signature, message, publicKey }: Signed, note = ''): boolean {
  const verdict = (suiteUnderTest: Suite): boolean =>
    suiteUnderTest.verify(signature, message, publicKey);
  assert.is(
    verdict(native),
    verdict(portable),
    `${note} ${hex(signature)} under ${hex(publicKey)}`,
  );
  return verdict(native);
}

/** The verdicts of OpenSSL and of bare tweetnacl, together. */
function othersAccept({ signature, message, publicKey }: Signed): boolean {
  if (signature.length !== 64) return false;
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  return (
    verifyByOpenssl(null, message, key, signature) &&
    nacl.sign.detached.verify(message, signature, publicKey)
  );
}

function hasSmallOrder({ signature, publicKey }: Signed): boolean {
  const encodings = SMALL_ORDER.map((point) => hex(encode(point)));
  return encodings.includes(hex(publicKey)) || encodings.includes(hex(signature.subarray(0, 32)));
}

function signedBy(random: Random): Signed {
  const { publicKey, secretKey } = native.keyPairFromSeed(randomBytes(random, 32));
  const message = randomBytes(random, 136);
  return { signature: native.sign(message, secretKey), message, publicKey };
}

/** Half of these are the kind of thing that parts verifiers, half are a flipped bit. */
function mutate(signed: Signed, random: Random): Signed {
  const part = random.pick(['signature', 'message', 'publicKey'] as const);
  const bytes = signed[part].slice();
  const s = numberOf(signed.signature.subarray(32));
  const point = random.pick(SMALL_ORDER);
  const kind = random.below(8);
  if (kind === 0) return signed;
  if (kind === 1)
    return { ...signed, publicKey: random.oneIn(2) ? encode(point) : flipSign(encode(point)) };
  if (kind === 2) bytes.set(encode(point));
  else if (kind === 3) return { ...signed, signature: withS(signed.signature, s + ORDER) };
  else if (kind === 4) return { ...signed, signature: withS(signed.signature, ORDER - s) };
  else if (kind === 5) return { ...signed, signature: signed.signature.subarray(random.below(3)) };
  else {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  }
  return { ...signed, [part]: bytes };
}

function withS(signature: Uint8Array, s: bigint): Uint8Array {
  return Uint8Array.from([...signature.subarray(0, 32), ...bytesOf(s)]);
}

function flipSign(encoded: Uint8Array): Uint8Array {
  const flipped = encoded.slice();
  flipped[31] = (flipped[31] ?? 0) ^ 0x80;
  return flipped;
}

function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

test.run();
