/**
 * Whether a client takes what it asked for. A timeout on silence is not enough: one that takes a few
 * bytes now and then would keep its connection, and what is sent on it, for ever.
 */
import type { Socket } from 'node:net';

/** Where a reader who is behind stood, and when. */
export type Pace = { readonly atMs: number; readonly taken: number };

/** What is asked of a reader. */
export type PaceRule = {
  readonly nowMs: number;
  readonly paceMs: number;
  readonly leastBytes: number;
};

/**
 * Looks at a connection on which something is being sent.
 *
 * @param before - what the last look gave
 * @returns what to give the next time; undefined when nothing waits to be taken
 */
export function isTooSlow(
  socket: Socket,
  before: Pace | undefined,
  { nowMs, paceMs, leastBytes }: PaceRule,
): Pace | 'too-slow' | undefined {
  const taken = takenBytes(socket);
  // Where it is us who are slow nobody is behind.
  if (taken === undefined) return undefined;
  if (before === undefined || taken - before.taken >= leastBytes) return { atMs: nowMs, taken };
  return nowMs - before.atMs >= paceMs ? 'too-slow' : before;
}

/** Bytes the system has taken off us; undefined when it has all, or does not tell. */
function takenBytes(socket: Socket): number | undefined {
  // Node's own timeout reads the same field; a socket has no public one for what waits in libuv.
  const { _handle: handle } = socket as unknown as {
    readonly _handle?: {
      readonly bytesWritten?: unknown;
      readonly writeQueueSize?: unknown;
    } | null;
  };
  const written = handle?.bytesWritten;
  const queued = handle?.writeQueueSize;
  if (typeof written !== 'number' || typeof queued !== 'number' || queued === 0) return undefined;
  return written - queued;
}
