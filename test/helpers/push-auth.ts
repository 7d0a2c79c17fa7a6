/** What a client of a push does to each request. */
import { hash, sign } from '#crypto';
import { encodeUtf8 } from '../../src/core/utf8.ts';
import { type AuthRequest, authText, formatAuth } from '../../src/wire/push-auth.ts';
import type { TestKey } from './keys.ts';

/** A request as far as a client has to know it to authorise it. */
export type RequestToSign = Omit<AuthRequest, 'bodyHash'> & {
  /** Left out where there is none. */
  readonly body?: Uint8Array | undefined;
};

/** Returns the headers that authorise a request. */
export function signRequest(
  { body, ...request }: RequestToSign,
  { publicKey, secretKey }: TestKey,
): { Authorization: string; 'Drayer-Body': string } {
  const { time, nonce } = request;
  const bodyHash = hash(body ?? new Uint8Array(0));
  const signature = sign(encodeUtf8(authText({ ...request, bodyHash })), secretKey);
  return {
    Authorization: formatAuth({ publicKey, time, nonce, signature }),
    'Drayer-Body': Buffer.from(bodyHash).toString('hex'),
  };
}
