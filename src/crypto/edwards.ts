/**
 * What an Ed25519 key and signature must be beyond the equation (R2): the key canonical, on the
 * curve and not of small order, S below the group order, R not of small order. These are
 * libsodium's own checks; tweetnacl has none of them. BigInt on public data: nothing secret comes here.
 */

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const ORDER_8_Y = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;

/** The y of the eight points of small order; x only differs in its sign. */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([0n, 1n, P - 1n, ORDER_8_Y, P - ORDER_8_Y]);

/**
 * Keys that passed. The check takes 0.3 ms, and a server meets the same few keys in every request.
 * Refusals are not kept: there is no end of them.
 */
const accepted = new Set<string>();
const MOST_ACCEPTED = 1000;

/**
 * Tells whether these bytes can be a public key: 32 of them, the canonical encoding of a point of
 * the curve that is not one of the eight of small order (under those anybody can sign).
 *
 * libsodium's crypto_core_ed25519_is_valid_point is no substitute: it also refuses keys outside
 * the main subgroup, which R2 and libsodium's own verification accept.
 */
export function isAcceptablePublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false;
  const name = String.fromCharCode(...publicKey);
  if (accepted.has(name)) return true;
  const y = yOf(publicKey);
  if (y >= P || SMALL_ORDER_Y.has(y) || !isOnCurve(y)) return false;
  if (accepted.size >= MOST_ACCEPTED) accepted.clear();
  accepted.add(name);
  return true;
}

/** Tells whether a 64-byte signature has an S below the group order and an R not of small order. */
export function isCanonicalSignature(signature: Uint8Array): boolean {
  if (littleEndian(signature.subarray(32)) >= L) return false;
  return !SMALL_ORDER_Y.has(yOf(signature.subarray(0, 32)) % P);
}

// RFC 8032 §5.1.3: the point exists if x² = (y² − 1) / (dy² + 1) has a root
function isOnCurve(y: bigint): boolean {
  const u = (y * y - 1n + P) % P;
  const v = (D * y * y + 1n) % P;
  const v3 = (v * v * v) % P;
  const candidate = (u * v3 * power((u * v3 * v3 * v) % P, (P - 5n) / 8n)) % P;
  const check = (v * candidate * candidate) % P;
  return check === u || check === (P - u) % P;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}

// The top bit is the sign of x.
function yOf(encoded: Uint8Array): bigint {
  return BigInt.asUintN(255, littleEndian(encoded));
}

function littleEndian(bytes: Uint8Array): bigint {
  let hex = '0x0';
  for (let i = bytes.length - 1; i >= 0; i -= 1)
    hex += (bytes[i] ?? 0).toString(16).padStart(2, '0');
  return BigInt(hex);
}
