/** All streams of this machine at a glance: what is in the files, and what the daemon knows, where one runs. */
import { existsSync, statSync } from 'node:fs';
import { type DrayerError, isDrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import { keyPathOf } from '../store/key-file.ts';
import { receiptsPathOf } from '../store/push-receipts.ts';
import { hasFile } from '../store/stream-file.ts';
import { trustPathOf } from '../store/trust.ts';
import { type SignatureState, signatureStateOf } from '../store/unchecked.ts';
import type { ListedRun } from './control-wire.ts';
import { type KeptState, keptPathOf, readKept } from './kept-mirrors.ts';
import type { KnownStream } from './known-streams.ts';
import { withReader } from './stream-facts.ts';

/** Whose a stream is: its key is here, it is copied from others, it was pushed here, or nobody knows. */
export type StreamKind = 'own' | 'mirror' | 'pushed' | 'copy';

/** A stream as `drayer list` shows it. */
export type StreamSummary = {
  readonly path: string;
  readonly kind: StreamKind;
  readonly name: string | undefined;
  /** Base64; undefined for one that is not published or fetched yet, or cannot be read. */
  readonly id: string | undefined;
  readonly records: number;
  /** Of the newest snapshot; undefined where there is none. */
  readonly seq: number | undefined;
  /** Modified tip; 0 where there is nothing yet. */
  readonly tip: Micros;
  /** Whether each record's own signature has been checked; until then no peer is given any of it. */
  readonly signatures: SignatureState;
  /** Bytes of the file with its log. */
  readonly bytes: number;
  /** Where the daemon shows it; empty where none does. */
  readonly addresses: readonly string[];
  /** How it is kept; undefined for a stream that is not a kept mirror. */
  readonly kept: KeptState | undefined;
  /** The DHT shows something older than there is, or something else: somebody may be hiding the newest there. */
  readonly isDisputed: boolean;
  /** Why the file cannot be read. */
  readonly fault: DrayerError | undefined;
};

/**
 * Looks at all streams that are known, and at those that the daemon has besides.
 *
 * @param run - what the daemon says; undefined where none runs
 */
export function listStreams(
  known: readonly KnownStream[],
  run: ListedRun | undefined,
): StreamSummary[] {
  const kept = new Map(run?.kept.map((state) => [state.path, state]));
  const served = new Map(run?.streams.map((stream) => [stream.path, stream]));
  const paths = new Map(known.map((stream) => [stream.path, stream]));
  for (const path of [...served.keys(), ...kept.keys()]) {
    if (paths.has(path)) continue;
    paths.set(path, {
      path,
      name: served.get(path)?.name,
      directory: undefined,
      keyFile: undefined,
    });
  }
  return [...paths.values()].map((stream) => {
    const { addresses = [] } = served.get(stream.path) ?? {};
    const summary = summaryOf(stream, kept.get(stream.path));
    const isDisputed = summary.id !== undefined && run?.disputed?.includes(summary.id) === true;
    return { ...summary, addresses, isDisputed };
  });
}

function summaryOf(
  { path, name, keyFile = keyPathOf(path) }: KnownStream,
  running: KeptState | undefined,
): Omit<StreamSummary, 'addresses' | 'isDisputed'> {
  const nothing = {
    id: running?.id,
    records: 0,
    seq: undefined,
    tip: 0,
    signatures: 'checked' as const,
    bytes: 0,
    fault: undefined,
  };
  const about = { path, name, kind: kindOf(path, keyFile), kept: running };
  try {
    const state = running ?? stoppedState(path);
    if (!hasFile(path)) return { ...nothing, ...about, id: state?.id, kept: state };
    const facts = withReader(path, (reader) => {
      const { count, snapshot, tip } = reader.generation();
      const signatures = signatureStateOf(reader);
      return { id: reader.id, records: count, seq: snapshot?.seq, tip, signatures };
    });
    return { ...nothing, ...about, ...facts, bytes: sizeOf(path), kept: state };
  } catch (error) {
    if (!isDrayerError(error)) throw error;
    return { ...nothing, ...about, bytes: sizeOf(path), fault: error };
  }
}

/** As the file beside it says, while no daemon runs. */
function stoppedState(path: string): KeptState | undefined {
  const kept = readKept(path);
  return kept && { ...kept, isFollowing: false, problem: undefined, seenMs: undefined };
}

function kindOf(path: string, keyFile: string): StreamKind {
  if (existsSync(keyFile)) return 'own';
  if (existsSync(receiptsPathOf(path))) return 'pushed';
  return existsSync(trustPathOf(path)) || existsSync(keptPathOf(path)) ? 'mirror' : 'copy';
}

function sizeOf(path: string): number {
  const sizes = [path, `${path}-wal`].map(
    (file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0,
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
