/**
 * Who may push: everything that can be known of a request before its body is read (PROTOCOL.md §8). The
 * cheap questions come first, so that a stranger costs a signature's check at most.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Context } from 'koa';
import { hash } from '#crypto';
import { DrayerError } from '../core/errors.ts';
import { formatStreamId } from '../core/stream-id.ts';
import {
  AUTH_SECONDS,
  type Auth,
  checkAuth,
  PUSH_HEADERS,
  parseAuth,
  parseBodyHash,
} from '../wire/push-auth.ts';

/** What a {@link PushGate} goes by. */
export type GateOptions = {
  /** Whether this key may push. */
  readonly isAllowed: (publicKey: Uint8Array) => boolean;
  /** Bearer token of the operator's. Default: none is asked for. */
  readonly token?: string | undefined;
  /** ms since 1970. Default: this machine's clock. */
  readonly nowMs?: (() => number) | undefined;
};

/** Nonces remembered; at some 100 bytes each. Only keys that are allowed get here. */
const MOST_NONCES = 200_000;

/** The gate of one server. */
export class PushGate {
  readonly #options: GateOptions;
  /** Each nonce with the second from which its request is too old anyway; in the order they came. */
  readonly #nonces = new Map<string, number>();

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Whether this key may push. */
  isAllowed(publicKey: Uint8Array): boolean {
    return this.#options.isAllowed(publicKey);
  }

  /**
   * Lets a request in.
   *
   * @returns the hash its body has to have
   * @throws {DrayerError} AUTH_INVALID, CLOCK_OFF, PUSH_NOT_ALLOWED
   */
  admit(ctx: Context, publicKey: Uint8Array): Uint8Array {
    const auth = parseAuth(ctx.get('Authorization'));
    if (!this.#options.isAllowed(publicKey)) throw notAllowed(publicKey);
    const second = Math.floor((this.#options.nowMs ?? Date.now)() / 1000);
    checkClock(auth.time, second);
    const bodyHash = parseBodyHash(ctx.get(PUSH_HEADERS.body));
    const { url = '/', headers } = ctx.req;
    const request = { method: ctx.method, host: headers.host ?? '', path: url, bodyHash };
    checkAuth(auth, request, publicKey);
    this.#useNonce(auth, second);
    this.#checkToken(ctx.get(PUSH_HEADERS.token));
    return bodyHash;
  }

  #useNonce({ publicKey, nonce, time }: Auth, second: number): void {
    for (const [old, until] of this.#nonces) {
      if (until >= second) break;
      this.#nonces.delete(old);
    }
    const name = Buffer.concat([publicKey, nonce]).toString('latin1');
    if (this.#nonces.has(name)) {
      throw new DrayerError('AUTH_INVALID', 'this request has come already', {
        hint: 'sign each request anew, with a nonce of its own',
      });
    }
    if (this.#nonces.size >= MOST_NONCES) {
      throw new DrayerError('STREAM_BUSY', 'too many requests in two minutes', {
        hint: 'wait a minute',
      });
    }
    this.#nonces.set(name, Math.max(time, second) + AUTH_SECONDS);
  }

  #checkToken(given: string): void {
    const { token } = this.#options;
    // Hashed first: so both are of one length, and how long it takes tells nothing.
    if (token === undefined || timingSafeEqual(hash(bytes(given)), hash(bytes(token)))) return;
    const what = given === '' ? 'none came' : 'another one came';
    throw new DrayerError('PUSH_NOT_ALLOWED', `this server asks for its token, ${what}`, {
      hint: 'ask the operator of the server for the token',
    });
  }
}

function checkClock(time: number, second: number): void {
  const off = time - second;
  if (Math.abs(off) <= AUTH_SECONDS) return;
  const side = off > 0 ? 'ahead of' : 'behind';
  const message = `the request's time is ${Math.abs(off)} s ${side} this server's clock`;
  throw new DrayerError('CLOCK_OFF', message, {
    hint: `set the clock right: at most ${AUTH_SECONDS} s between the two are accepted`,
  });
}

function notAllowed(publicKey: Uint8Array): DrayerError {
  const id = formatStreamId(publicKey);
  return new DrayerError('PUSH_NOT_ALLOWED', `the key ${id} may not push to this server`, {
    hint: `its operator allows it with: drayer allow ${formatStreamId(publicKey, 'base64url')}`,
  });
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
