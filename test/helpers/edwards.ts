/** Ed25519 by the book (RFC 8032 §5.1), slow and lenient: to make signatures no honest signer makes. */
import { createHash } from 'node:crypto';

const P = 2n ** 255n - 19n;
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
  const cross = mod(D * a.x * b.x * a.y * b.y);
  return {
    x: mod((a.x * b.y + b.x * a.y) * inverse(1n + cross)),
    y: mod((a.y * b.y + a.x * b.x) * inverse(1n - cross)),
  };
}

/** Multiplies a point. */
export function multiply(scalar: bigint, point: Affine): Affine {
  let result: Affine = { x: 0n, y: 1n };
  let double = point;
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = add(result, double);
    double = add(double, double);
  }
  return result;
}

/** Encodes a point; `plus` = P gives a non-canonical encoding where 255 bits allow one. */
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

/** A signature with chosen torsion in the key and in R; all zero torsion gives an honest one. */
export function forge(
  message: Uint8Array,
  torsion: { key: Affine; r: Affine },
): { signature: Uint8Array; publicKey: Uint8Array } {
  const [secret, nonce] = [123456789n, 987654321n];
  const publicKey = encode(add(multiply(secret, BASE), torsion.key));
  const r = encode(add(multiply(nonce, BASE), torsion.r));
  const s = (nonce + challenge(r, publicKey, message) * secret) % ORDER;
  return { signature: Uint8Array.from([...r, ...bytesOf(s)]), publicKey };
}

function smallOrder(): Affine[] {
  // y of a point of order 8, RFC 7748's neighbours; its multiples are all eight
  const y = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7n;
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  const square = mod(u * inverse(v));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x) !== square) x = mod(x * power(2n, (P - 1n) / 4n));
  return Array.from({ length: 8 }, (_, i) => multiply(BigInt(i), { x, y }));
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
