/** What becomes of a signed batch that an earlier run has left. */
import { DrayerError } from '../core/errors.ts';
import { destroyPending, isTaken, type PendingBatch } from './pending-batch.ts';
import { openKeptValues } from './pending-values.ts';
import { deliver, takeLease } from './push-delivery.ts';
import { noteGeneration } from './push-memory.ts';
import { fetchPushState, type PushState } from './push-state.ts';
import type { PushSession } from './push-stream.ts';
import { uploadValues } from './upload-values.ts';

/** See {@link noteGeneration}. */
export type Noted = ReturnType<typeof noteGeneration>;

/**
 * Sends what a run has left that was cut off, or destroys it where the stream has gone on without it.
 *
 * @param state - what the server has, verified
 */
export async function settle(
  session: PushSession,
  state: PushState,
  pending: PendingBatch | undefined,
): Promise<{ state: PushState; resumed: boolean; noted: Noted } | undefined> {
  const { place, source, memory } = session;
  if (pending === undefined) return undefined;
  if (isTaken(pending, state.generation)) {
    const noted = noteGeneration(memory, state.generation);
    destroyPending(place);
    return { state, resumed: true, noted };
  }
  if (state.generation.tip !== pending.expect) {
    // Remembered first: the old tip can then never be signed on again, whoever shows it.
    noteGeneration(memory, state.generation);
    destroyPending(place);
    return undefined;
  }
  await sendAgain(session, pending);
  const now = await fetchPushState(source, await source.tipRecord());
  if (!isTaken(pending, now.generation) && now.generation.tip <= pending.tip) {
    throw new DrayerError(
      'PEER_MISBEHAVED',
      `${source.url}: has taken a batch and does not show it`,
      {
        hint: 'the signed batch is kept and sent again by the next publish; look at the server',
      },
    );
  }
  const noted = noteGeneration(memory, now.generation);
  destroyPending(place);
  return { state: now, resumed: true, noted };
}

/** The server may have lost what was uploaded: the values were kept for that. */
async function sendAgain(session: PushSession, pending: PendingBatch): Promise<void> {
  const { connection, place } = session;
  const kept = openKeptValues(place.valuesPath);
  const ensureValues = kept && (async () => void (await uploadValues(connection, kept)));
  try {
    const lease = await takeLease(session);
    try {
      await deliver(session, pending, { lease, ensureValues });
    } finally {
      await lease.release();
    }
  } finally {
    kept?.close();
  }
}
