/**
 * The lease of a stream, and sending a signed batch under it until it is clear what became of it: taken,
 * or destroyed because the stream went on without it. Whatever is not clear stays on disk.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import { destroyPending, isTaken, type PendingBatch } from './pending-batch.ts';
import type { HeldLease, PushConnection } from './push-connection.ts';
import { type Memory, noteGeneration } from './push-memory.ts';
import { forgetLease, type PushPlace, readLease, writeLease } from './push-place.ts';
import { fetchPushState } from './push-state.ts';
import type { Source } from './source.ts';

/** What both need. */
export type Delivery = {
  readonly connection: PushConnection;
  readonly place: PushPlace;
  readonly source: Source;
};

/** A lease, for as long as it is wanted. */
export type StreamLease = {
  /** Names it to the server. */
  readonly name: string;
  /** The modified tip the server said last. */
  readonly tip: Micros;
  /** Renews it where it could run out before an answer comes. */
  renewIfOld(): Promise<void>;
  /** Takes it again after it was lost. */
  takeAgain(): Promise<void>;
  /** Gives it back; nothing happens where the server cannot be reached. */
  release(): Promise<void>;
};

/** A lease that is held for less than this is renewed before anything is done under it, ms. */
const LEAST_MS = 20_000;
const ATTEMPTS = 3;

/**
 * Takes the lease; the one of a run that was killed goes on.
 *
 * @throws {DrayerError} LEASE_HELD while somebody else has it
 */
export async function takeLease({ connection, place }: Delivery): Promise<StreamLease> {
  const take = async (): Promise<HeldLease> => {
    const held = await connection.lease();
    writeLease(place, held.lease);
    return held;
  };
  const renew = async (name: string): Promise<HeldLease> => {
    try {
      return await connection.lease({ lease: name });
    } catch (error) {
      if (!isDrayerError(error, 'LEASE_LOST')) throw error;
      return take();
    }
  };
  const left = readLease(place);
  let held = left === undefined ? await take() : await renew(left);
  return {
    get name() {
      return held.lease;
    },
    get tip() {
      return held.tip;
    },
    async renewIfOld() {
      if (held.untilMs - performance.now() < LEAST_MS) held = await renew(held.lease);
    },
    async takeAgain() {
      held = await take();
    },
    async release() {
      if (await connection.release(held.lease)) forgetLease(place);
    },
  };
}

/**
 * Sends a batch that is on disk, as often as it takes.
 *
 * @param ensureValues - hands over again what the server may have lost of the values; undefined where
 *   they are not at hand
 * @throws {DrayerError} TIP_MOVED when the stream went on without it; it is destroyed then
 * @throws {DrayerError} UNREACHABLE and others when nobody knows; it stays on disk then
 */
export async function deliver(
  delivery: Delivery & { readonly memory: Memory },
  pending: PendingBatch,
  { lease, ensureValues }: { lease: StreamLease; ensureValues: (() => Promise<void>) | undefined },
): Promise<void> {
  const { connection, place, source, memory } = delivery;
  const { body, expect, tip } = pending;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await lease.renewIfOld();
      if (lease.tip === tip) return;
      if (lease.tip !== expect) throw new DrayerError('TIP_MOVED', 'the stream has moved');
      await connection.records(body, { lease: lease.name, expect, tip });
      return;
    } catch (error) {
      if (!isDrayerError(error)) throw error;
      const isLast = attempt >= ATTEMPTS;
      if (error.code === 'LEASE_LOST' && !isLast) await lease.takeAgain();
      else if (REFUSED.has(error.code)) {
        // What a server only says is no reason to give up what was signed; what is proved is.
        const { generation } = await fetchPushState(source, await source.tipRecord());
        if (isTaken(pending, generation)) return;
        if (generation.tip > expect) {
          // Remembered first: the old tip can then never be signed on again, whoever shows it.
          noteGeneration(memory, generation);
          destroyPending(place);
          throw overtaken(source.url, error);
        }
        if (isLast || ensureValues === undefined) throw stays(error, place);
        await ensureValues();
      } else throw stays(error, place);
    }
  }
}

/** Answers after which the tip says what became of the batch. */
const REFUSED: ReadonlySet<string> = new Set([
  'TIP_MOVED',
  'BATCH_REFUSED',
  'VALUE_NOT_HELD',
  'SNAPSHOT_MISMATCH',
]);

function overtaken(url: string, cause: DrayerError): DrayerError {
  return new DrayerError('TIP_MOVED', `${url}: somebody else has published meanwhile`, {
    cause,
    hint: 'what was signed was destroyed and never taken; run the command again to publish on top of what is there now',
  });
}

function stays(error: DrayerError, { batchPath }: PushPlace): DrayerError {
  if (error.code === 'ABORTED') return error;
  const kept = `the signed generation is kept in ${batchPath} and sent again by the next publish`;
  return new DrayerError(error.code, error.message, {
    cause: error,
    hint: error.hint === undefined ? kept : `${error.hint}; ${kept}`,
    details: error.details,
  });
}
