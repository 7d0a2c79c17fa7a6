/**
 * How a push is authorised (PROTOCOL.md §8): a signature of the stream's key over what is asked of
 * whom, when, and with which body. The text cannot be taken for a record: its first eight bytes, read
 * as an id, are far above 2^53.
 */
import { verify } from '#crypto';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual, HASH_BYTES } from '../core/record.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import { encodeUtf8 } from '../core/utf8.ts';
import { decodeBase64url, encodeBase64url } from './base64url.ts';

/** Names of the headers of a push, as they are written. */
export const PUSH_HEADERS = {
  /** The body's hash, in hex, so that it can be believed or not before the body is read. */
  body: 'Drayer-Body',
  /** Bearer token of the operator's, for quota alone. */
  token: 'Drayer-Token',
  /** The lease a batch is written under. */
  lease: 'Drayer-Lease',
  /** The modified tip a batch was signed on, decimal. */
  expect: 'Drayer-Expect',
} as const;

/** Bytes of a nonce. */
export const NONCE_BYTES = 16;
/** How far the clocks of the two ends may be apart. */
export const AUTH_SECONDS = 60;

/** What is signed. */
export type AuthRequest = {
  /** In capitals. */
  readonly method: string;
  /** The `Host` header as it is sent, with the port. */
  readonly host: string;
  /** The request target as it is sent, with the query. */
  readonly path: string;
  /** Whole seconds since 1970. */
  readonly time: number;
  /** {@link NONCE_BYTES} random bytes. */
  readonly nonce: Uint8Array;
  /** H(body); of no body that of the empty one. */
  readonly bodyHash: Uint8Array;
};

/** What the `Authorization` header says. */
export type Auth = {
  readonly publicKey: Uint8Array;
  readonly time: number;
  readonly nonce: Uint8Array;
  readonly signature: Uint8Array;
};

/** Returns the text whose UTF-8 bytes are signed. */
export function authText({ method, host, path, time, nonce, bodyHash }: AuthRequest): string {
  const lines = ['drayer-auth-1', method, host, path, time, encodeBase64url(nonce), hex(bodyHash)];
  return lines.join('\n');
}

/** Returns the value of `Authorization`. */
export function formatAuth({ publicKey, time, nonce, signature }: Auth): string {
  const key = formatStreamId(publicKey, 'base64url');
  return `Drayer ${key}.${time}.${encodeBase64url(nonce)}.${encodeBase64url(signature)}`;
}

/**
 * Reads the value of `Authorization`.
 *
 * @throws {DrayerError} AUTH_INVALID when it is none of ours
 */
export function parseAuth(header: string): Auth {
  const parts = /^Drayer ([\w-]{43})\.(\d{1,15})\.([\w-]{22})\.([\w-]{86})$/i.exec(header);
  const [, key = '', time = '', nonce = '', signature = ''] = parts ?? [];
  if (parts === null) throw invalid('expected Authorization: Drayer <key>.<time>.<nonce>.<sig>');
  return {
    publicKey: readKey(key),
    time: Number(time),
    nonce: decodeBase64url(nonce),
    signature: decodeBase64url(signature),
  };
}

/**
 * Checks that the key in `auth` has signed the request, for the stream `publicKey`. The time and
 * whether the nonce is new are the server's to check.
 *
 * @throws {DrayerError} AUTH_INVALID
 */
export function checkAuth(
  auth: Auth,
  request: Pick<AuthRequest, 'method' | 'host' | 'path' | 'bodyHash'>,
  publicKey: Uint8Array,
): void {
  const { time, nonce, signature } = auth;
  if (!bytesEqual(auth.publicKey, publicKey)) {
    const signer = formatStreamId(auth.publicKey);
    throw invalid(`expected the key ${formatStreamId(publicKey)}, got the signature of ${signer}`);
  }
  const text = encodeUtf8(authText({ ...request, time, nonce }));
  if (verify(signature, text, publicKey)) return;
  throw invalid(`the signature is not one of ${formatStreamId(publicKey)} over this request`);
}

/**
 * Reads the hash of a body as {@link PUSH_HEADERS} has it.
 *
 * @throws {DrayerError} AUTH_INVALID when it is not 64 hex digits
 */
export function parseBodyHash(text: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/i.test(text)) {
    throw invalid(`expected ${PUSH_HEADERS.body}: the body's hash as 64 hex digits`);
  }
  return Uint8Array.from({ length: HASH_BYTES }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}

function readKey(text: string): Uint8Array {
  try {
    return parseStreamId(text);
  } catch (error) {
    if (isDrayerError(error, 'STREAM_ID_INVALID')) throw invalid(error.message);
    throw error;
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function invalid(message: string): DrayerError {
  return new DrayerError('AUTH_INVALID', message, {
    hint: 'sign each request with the key of the stream it is for',
  });
}
