/**
 * Waits until servers have a generation: each is asked for its newest record, which has to be the
 * snapshot of that generation, signed by the stream's key (R20). What a server says of itself counts for
 * nothing.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import {
  bytesEqual,
  type Micros,
  PROTOCOL_TYPE,
  type SignedRecord,
  SNAPSHOT_KEY,
} from '../core/record.ts';
import { verifyRecord } from '../core/signing.ts';
import { decodeSnapshot, type Snapshot } from '../core/snapshot.ts';
import { connectSource } from './connect-source.ts';
import { HttpClient, type HttpLimits } from './http-client.ts';
import { blame } from './peer-errors.ts';
import { parsePeerUrl } from './peer-url.ts';

/** The generation to wait for. */
export type AwaitedGeneration = {
  readonly publicKey: Uint8Array;
  /** Its modified tip. */
  readonly tip: Micros;
  /** Undefined for a stream without snapshots, of which the tip alone can be asked. */
  readonly snapshot: Pick<Snapshot, 'seq' | 'root'> | undefined;
};

/** How far one server is. */
export type ServerState = {
  /** As it was given. */
  readonly url: string;
  /** It has shown the generation, or a newer one. */
  readonly isServing: boolean;
  /** The newest generation it has shown; undefined where it has shown none. */
  readonly seq?: number | undefined;
  /** Why it does not count, one sentence; undefined while it has not answered, and once it counts. */
  readonly problem?: string | undefined;
};

/** Options of {@link waitForServers}. */
export type WaitOptions = {
  /** How many servers have to have it. */
  readonly needed: number;
  /** Longest wait, ms. */
  readonly timeoutMs: number;
  /** First time between two questions to one server, ms; doubles up to 5 s. Default 250. */
  readonly pollMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly limits?: HttpLimits | undefined;
  /** Told whenever the state of a server changes, with all of them. */
  readonly onProgress?: ((servers: readonly ServerState[]) => void) | undefined;
};

const POLL_MS = 250;
const MOST_POLL_MS = 5_000;

/**
 * Waits until so many of the servers have the generation, or the time is up.
 *
 * @param urls - servers in any form that {@link parsePeerUrl} takes; each is asked on its own
 * @returns how far each is, in the order given; it is for the caller to count them
 * @throws {DrayerError} USAGE when a URL is none
 * @throws {DrayerError} ABORTED when the signal fires
 */
export async function waitForServers(
  urls: readonly string[],
  generation: AwaitedGeneration,
  options: WaitOptions,
): Promise<readonly ServerState[]> {
  const { needed, timeoutMs, signal } = options;
  const peers = urls.map(parsePeerUrl);
  const states: ServerState[] = urls.map((url) => ({ url, isServing: false }));
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeoutMs);
  const both = AbortSignal.any([stop.signal, ...(signal === undefined ? [] : [signal])]);
  const http = new HttpClient({ limits: options.limits, signal: both });
  const tell = (index: number, judgement: Judgement): void => {
    const before = states[index];
    const state = { url: urls[index] ?? '', ...judgement };
    states[index] = state;
    if (JSON.stringify(before) !== JSON.stringify(state)) options.onProgress?.([...states]);
    if (states.filter(({ isServing }) => isServing).length >= needed) stop.abort();
  };
  try {
    const asked = peers.map((peer, index) => {
      const ask = async (): Promise<Judgement> => {
        const { source, tip } = await connectSource(http, peer, generation.publicKey);
        return judge(tip, generation, source.url);
      };
      return pollOne(ask, { ...options, signal: both, tell: (state) => tell(index, state) });
    });
    await Promise.all(asked);
  } finally {
    clearTimeout(timer);
    http.close();
  }
  if (signal?.aborted)
    throw new DrayerError('ABORTED', 'stopped waiting', { cause: signal.reason });
  return states;
}

type Judgement = Omit<ServerState, 'url'>;

type Polling = Pick<WaitOptions, 'pollMs'> & {
  readonly signal: AbortSignal;
  readonly tell: (judgement: Judgement) => void;
};

/** Asks one server until it has the generation, or the signal fires. */
async function pollOne(
  ask: () => Promise<Judgement>,
  { pollMs = POLL_MS, signal, tell }: Polling,
): Promise<void> {
  let state: Judgement | undefined;
  for (let everyMs = pollMs; !signal.aborted; everyMs = Math.min(MOST_POLL_MS, everyMs * 2)) {
    try {
      state = await ask();
    } catch (error) {
      if (signal.aborted) return;
      if (!isDrayerError(error)) throw error;
      state = { isServing: false, seq: state?.seq, problem: error.message };
    }
    tell(state);
    if (state.isServing) return;
    await wait(everyMs, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

function judge(
  tip: SignedRecord | undefined,
  { publicKey, tip: awaitedTip, snapshot: awaited }: AwaitedGeneration,
  url: string,
): Judgement {
  if (tip === undefined) return { isServing: false, problem: 'has the stream, and nothing in it' };
  try {
    verifyRecord(tip, publicKey);
    if (awaited === undefined) {
      if (tip.modified >= awaitedTip) return { isServing: true };
      return { isServing: false, problem: `its newest record is ${tip.modified}` };
    }
    const shown = snapshotOf(tip);
    if (shown === undefined) {
      return { isServing: false, problem: 'its newest record is no snapshot' };
    }
    return compare(shown, awaited);
  } catch (error) {
    throw blame(url, error);
  }
}

function compare(shown: Snapshot, awaited: Pick<Snapshot, 'seq' | 'root'>): Judgement {
  const { seq } = shown;
  if (seq < awaited.seq) return { isServing: false, seq, problem: `serves generation ${seq}` };
  // A newer one names the root of the one before it, which tells only of the next.
  const root = seq === awaited.seq ? shown.root : shown.previous;
  const isComparable = seq <= awaited.seq + 1;
  if (!isComparable || bytesEqual(root, awaited.root)) return { isServing: true, seq };
  const problem = `shows another generation ${awaited.seq}: the key has signed two histories`;
  return { isServing: false, seq, problem };
}

function snapshotOf({ type, key, value }: SignedRecord): Snapshot | undefined {
  if (type !== PROTOCOL_TYPE || key !== SNAPSHOT_KEY || value === undefined) return undefined;
  return decodeSnapshot(value);
}
