/**
 * Leases: at most one holder a stream, for a minute, in memory alone. One that is forgotten in a restart
 * is asked for again; what protects the history is the tip a batch was signed on, not the lease.
 */
import { randomBytes } from 'node:crypto';
import { DrayerError } from '../core/errors.ts';
import { formatStreamId } from '../core/stream-id.ts';

/** How long a lease holds, unless it is renewed. */
export const LEASE_SECONDS = 60;

type Held = {
  readonly lease: string;
  /** On the clock that is never set. */
  readonly untilMs: number;
};

/** The leases of one server. */
export class PushLeases {
  readonly #held = new Map<string, Held>();
  readonly #nowMs: () => number;

  /** @param nowMs - a clock that only goes on, such as `performance.now` */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Takes the lease of a stream. @throws {DrayerError} LEASE_HELD while another has it */
  take(publicKey: Uint8Array): string {
    const held = this.#find(publicKey);
    if (held !== undefined) {
      const seconds = Math.ceil((held.untilMs - this.#nowMs()) / 1000);
      throw new DrayerError('LEASE_HELD', `another deploy holds the lease for ${seconds} s more`, {
        hint: 'wait until it is done, then deploy again',
        details: { retryAfter: seconds },
      });
    }
    return this.#set(publicKey, randomBytes(16).toString('base64url'));
  }

  /** Starts the time of a lease again. @throws {DrayerError} LEASE_LOST when it is not held */
  renew(publicKey: Uint8Array, lease: string): string {
    this.check(publicKey, lease);
    return this.#set(publicKey, lease);
  }

  /** Gives a lease back; one that is not held changes nothing. */
  release(publicKey: Uint8Array, lease: string): void {
    if (this.#find(publicKey)?.lease === lease) this.#held.delete(formatStreamId(publicKey));
  }

  /** Checks that a lease is held. @throws {DrayerError} LEASE_LOST */
  check(publicKey: Uint8Array, lease: string): void {
    if (this.#find(publicKey)?.lease === lease) return;
    throw new DrayerError('LEASE_LOST', 'this lease is not held, or not any more', {
      hint: 'take the lease again and send the same batch',
    });
  }

  #set(publicKey: Uint8Array, lease: string): string {
    const untilMs = this.#nowMs() + LEASE_SECONDS * 1000;
    this.#held.set(formatStreamId(publicKey), { lease, untilMs });
    return lease;
  }

  #find(publicKey: Uint8Array): Held | undefined {
    const id = formatStreamId(publicKey);
    const held = this.#held.get(id);
    if (held === undefined || held.untilMs > this.#nowMs()) return held;
    this.#held.delete(id);
    return undefined;
  }
}
