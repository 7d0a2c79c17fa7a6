/**
 * The checks of an Ed25519 public key and signature that tweetnacl lacks (R2): canonical S, and a
 * point that is canonically encoded, on the curve and in the subgroup of prime order.
 * Plain BigInt arithmetic on public data, about a millisecond a point; nothing secret comes here.
 */

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const SQRT_OF_MINUS_ONE =
  19681161376707505956807079304988542015446066515923890162744021073123829784752n;

/** Tells whether the 32 bytes of S in a 64-byte signature are below the group order. */
export function hasCanonicalS(signature: Uint8Array): boolean {
  return littleEndian(signature.subarray(32)) < L;
}

/**
 * Tells whether 32 bytes are the canonical encoding of a point of prime order.
 * That leaves out the eight points of small order and every sum of one of them with another point.
 */
export function isPrimeOrderPoint(encoded: Uint8Array): boolean {
  const point = decodePoint(encoded);
  if (point === undefined || isNeutral(point)) return false;
  return isNeutral(multiplyByOrder(point));
}

/** Extended coordinates: x = X/Z, y = Y/Z, T = XY/Z. */
type Point = { readonly x: bigint; readonly y: bigint; readonly z: bigint; readonly t: bigint };

const NEUTRAL: Point = { x: 0n, y: 1n, z: 1n, t: 0n };

function isNeutral(point: Point): boolean {
  return point.x === 0n && point.y === point.z;
}

// RFC 8032 §5.1.3
function decodePoint(encoded: Uint8Array): Point | undefined {
  const bits = littleEndian(encoded);
  const y = bits & (2n ** 255n - 1n);
  if (y >= P) return undefined;
  const xIsOdd = bits >> 255n;
  const x = recoverX(y);
  if (x === undefined || (x === 0n && xIsOdd === 1n)) return undefined;
  const signed = (x & 1n) === xIsOdd ? x : P - x;
  return { x: signed, y, z: 1n, t: mod(signed * y) };
}

function recoverX(y: bigint): bigint | undefined {
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  const v3 = mod(v * v * v);
  const root = mod(u * v3 * power(mod(u * v3 * v3 * v), (P - 5n) / 8n));
  const check = mod(v * root * root);
  if (check === u) return root;
  if (check === mod(-u)) return mod(root * SQRT_OF_MINUS_ONE);
  return undefined;
}

function multiplyByOrder(point: Point): Point {
  let result = NEUTRAL;
  for (let bit = 252n; bit >= 0n; bit -= 1n) {
    result = add(result, result);
    if ((L >> bit) & 1n) result = add(result, point);
  }
  return result;
}

// RFC 8032 §5.1.4: complete, so the same formula doubles
function add(p: Point, q: Point): Point {
  const a = mod((p.y - p.x) * (q.y - q.x));
  const b = mod((p.y + p.x) * (q.y + q.x));
  const c = mod(2n * p.t * q.t * D);
  const d = mod(2n * p.z * q.z);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return { x: mod(e * f), y: mod(g * h), z: mod(f * g), t: mod(e * h) };
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

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i -= 1) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
}
