/**
 * Looks for secrets in what is about to be published (THREATS A26): the stream's own private key, which
 * lets whoever reads it sign as the stream, for ever; and what the secrets of well-known services look
 * like. Never repeats what it found.
 */
import { keyPairFromSeed } from '#crypto';
import { bytesEqual } from '../core/record.ts';
import { type AnchorScan, makeAnchorScan } from './anchor-scan.ts';
import { BEFORE, isExample, SECRET_RULES, type SecretRule } from './known-secrets.ts';

/** What {@link makeSecretScan} found in one content. */
export type FoundSecrets = {
  /** Whether the stream's own private key is in it. */
  readonly hasOwn: boolean;
  /** Secrets that nothing allows, as in {@link known}. */
  readonly never: ReadonlyMap<string, number>;
  /** Secrets of others, each kind once, with the line it is first seen in; one-based. */
  readonly known: ReadonlyMap<string, number>;
};

/** Finds secrets in one content after the other. */
export type SecretScan = (content: Uint8Array) => FoundSecrets;

/**
 * Makes the byte strings any spelling of a secret key contains: raw, base64, base64url, hex.
 *
 * @param secretKey - 64 bytes, seed then public key; the first half is the secret
 */
export function secretNeedles(secretKey: Uint8Array): Uint8Array[] {
  const seed = Buffer.from(secretKey.subarray(0, 32));
  // 42 characters say 252 of the seed's 256 bits, and are the same in the seed's and the key's base64.
  const base64 = [seed.toString('base64'), seed.toString('base64url')].map((text) =>
    text.slice(0, 42),
  );
  const hex = [seed.toString('hex'), seed.toString('hex').toUpperCase()];
  const texts = new Set([...base64, ...hex]);
  return [seed, ...[...texts].map((text) => Buffer.from(text))];
}

/**
 * Makes the scan of a publish. All that is looked for is found in one pass over the bytes.
 *
 * @param needles - see {@link secretNeedles}
 */
export function makeSecretScan(needles: readonly Uint8Array[]): SecretScan {
  const anchors = makeAnchorScan<SecretRule | Uint8Array>([
    ...needles.map((needle) => [needle.subarray(0, 3), needle] as const),
    ...SECRET_RULES.flatMap((rule) =>
      rule.anchors.map((anchor) => [Buffer.from(anchor, 'latin1'), rule] as const),
    ),
  ]);
  return (content) => findSecrets(content, anchors);
}

function findSecrets(
  content: Uint8Array,
  anchors: AnchorScan<SecretRule | Uint8Array>,
): FoundSecrets {
  let hasOwn = false;
  const never = new Map<string, number>();
  const known = new Map<string, number>();
  anchors.scan(content, (wanted, at) => {
    if (wanted instanceof Uint8Array) {
      hasOwn ||= bytesEqual(content.subarray(at, at + wanted.length), wanted);
      return;
    }
    const found = wanted.isNever ? never : known;
    if (!found.has(wanted.name) && isSecret(content, at, wanted)) {
      found.set(wanted.name, lineAt(content, at));
    }
  });
  return { hasOwn, never, known };
}

// Latin-1: one character a byte, whatever the file is.
function isSecret(content: Uint8Array, at: number, rule: SecretRule): boolean {
  const { pattern, after, isNever } = rule;
  const text = bufferOf(content).toString('latin1', Math.max(0, at - BEFORE), at + after);
  for (const [match] of text.matchAll(pattern)) if (isNever || !isExample(match)) return true;
  return false;
}

function lineAt(content: Uint8Array, at: number): number {
  const bytes = bufferOf(content);
  let line = 1;
  for (let next = bytes.indexOf(10); next >= 0 && next < at; next = bytes.indexOf(10, next + 1)) {
    line += 1;
  }
  return line;
}

/**
 * Tells whether `content` is the private key file of any stream: the base64 of a seed and of the public
 * key that belongs to it.
 */
export function isSecretKeyFile(content: Uint8Array): boolean {
  if (content.length < SECRET_KEY_CHARS || content.length > MAX_KEY_FILE_BYTES) return false;
  const text = bufferOf(content).toString('latin1').trim();
  if (!/^[\w+/-]{86}(==)?$/.test(text)) return false;
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  return bytesEqual(keyPairFromSeed(bytes.subarray(0, 32)).publicKey, bytes.subarray(32));
}

/** Without the two signs that fill it up. */
const SECRET_KEY_CHARS = 86;
/** Room for white space around a key; what is longer is not looked at, so that sites stay fast. */
const MAX_KEY_FILE_BYTES = 200;

// A view: a Buffer that came from another thread is a plain Uint8Array.
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
