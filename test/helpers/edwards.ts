/** Ed25519 by the book (RFC 8032 §5.1), slow and lenient: to make signatures no honest signer makes. */
import { createHash } from 'node:crypto';

/** The prime of the field. */
export const FIELD: bigint = 2n ** 255n - 19n;
const P = FIELD;
/** Order of the base point. */
export const ORDER: bigint = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = mod(-121665n * inverse(121666n));

/** A point in affine coordinates. */
export type Affine = { readonly x: bigint; readonly y: bigint };

/** The base point. */
export const BASE: Affine = {
  x: 15112221349535400772501151409588531511454012693041857206046113283949847762202n,
  y: 46316835694926478169428394003475163141307993866256225615783033603165251855960n,
};

/** The eight points whose order divides 8. */
export const SMALL_ORDER: readonly Affine[] = smallOrder();

/** Adds two points. */
export function add(a: Affine, b: Affine): Affine {
  return affine(addExtended(extended(a), extended(b)));
}

/** Multiplies a point. */
export function multiply(scalar: bigint, point: Affine): Affine {
  let result = extended({ x: 0n, y: 1n });
  let double = extended(point);
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = addExtended(result, double);
    double = addExtended(double, double);
  }
  return affine(result);
}

/** Encodes a point; `plus` = {@link FIELD} gives a non-canonical encoding where 255 bits allow one. */
export function encode(point: Affine, plus = 0n): Uint8Array {
  return bytesOf(point.y + plus + ((point.x & 1n) << 255n));
}

/** Writes a number in 32 little-endian bytes. */
export function bytesOf(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

/** Reads a little-endian number. */
export function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** The challenge H(R ‖ A ‖ M) mod L. */
export function challenge(r: Uint8Array, publicKey: Uint8Array, message: Uint8Array): bigint {
  const digest = createHash('sha512').update(r).update(publicKey).update(message).digest();
  return numberOf(digest) % ORDER;
}

/** A signature with chosen torsion in the key and in R; neutral torsion gives an honest one. */
export function forge(
  message: Uint8Array,
  torsion: { key: Affine; r: Affine },
  { nonce = 987654321n }: { nonce?: bigint } = {},
): { signature: Uint8Array; publicKey: Uint8Array } {
  const publicKey = encode(add(multiply(SECRET, BASE), torsion.key));
  const r = encode(add(multiply(nonce, BASE), torsion.r));
  const s = (nonce + challenge(r, publicKey, message) * SECRET) % ORDER;
  return { signature: Uint8Array.from([...r, ...bytesOf(s)]), publicKey };
}

/** What R2 says of a {@link forge}d signature: R of large order and S·B − h·A exactly R. */
export function isValidByTheBook(given: {
  signature: Uint8Array;
  message: Uint8Array;
  publicKey: Uint8Array;
}): boolean {
  const { signature, message, publicKey } = given;
  const key = SMALL_ORDER.map((torsion) => add(multiply(SECRET, BASE), torsion)).find(
    (point) => Buffer.compare(encode(point), publicKey) === 0,
  );
  if (key === undefined) throw new Error('not a forged key');
  const r = signature.subarray(0, 32);
  const h = challenge(r, publicKey, message);
  const minusKey: Affine = { x: mod(-key.x), y: key.y };
  const sum = add(multiply(numberOf(signature.subarray(32)), BASE), multiply(h, minusKey));
  return Buffer.compare(encode(sum), r) === 0;
}

const SECRET = 123456789n;

/** x = X/Z, y = Y/Z, T = XY/Z. */
type Extended = readonly [x: bigint, y: bigint, z: bigint, t: bigint];

function extended({ x, y }: Affine): Extended {
  return [x, y, 1n, mod(x * y)];
}

function affine([x, y, z]: Extended): Affine {
  return { x: mod(x * inverse(z)), y: mod(y * inverse(z)) };
}

// RFC 8032 §5.1.4
function addExtended([x1, y1, z1, t1]: Extended, [x2, y2, z2, t2]: Extended): Extended {
  const [a, b] = [(y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2)];
  const [c, d] = [2n * t1 * t2 * D, 2n * z1 * z2];
  const [e, f, g, h] = [mod(b - a), mod(d - c), mod(d + c), mod(b + a)];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

// The order of any point times L divides 8; the first one of order 8 gives all eight.
function smallOrder(): Affine[] {
  for (let y = 2n; ; y += 1n) {
    const square = mod((y * y - 1n) * inverse(D * y * y + 1n));
    const x = [1n, power(2n, (P - 1n) / 4n)]
      .map((factor) => mod(power(square, (P + 3n) / 8n) * factor))
      .find((root) => mod(root * root) === square);
    if (x === undefined) continue;
    const point = multiply(ORDER, { x, y });
    if (multiply(4n, point).y === 1n) continue;
    return Array.from({ length: 8 }, (_, i) => multiply(BigInt(i), point));
  }
}

function inverse(value: bigint): bigint {
  return power(mod(value), P - 2n);
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}
