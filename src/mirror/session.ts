/** What one run of the mirror works with, and what it has done so far. */
import type { DrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import type { MirrorStore } from '../store/mirror-store.ts';
import type { Background } from './background.ts';
import type { Opening } from './opening.ts';
import type { Source } from './source.ts';
import type { Verifier } from './verifier.ts';

/** How far a run is, as often as something has come. */
export type MirrorProgress = {
  /** `records`, then `values`, then `finish`: judging and putting in place. */
  readonly phase: 'records' | 'values' | 'finish';
  /** Records taken in by this run. */
  readonly records: number;
  /** Values fetched by their hash in this run. */
  readonly values: number;
  /** Values still to fetch in this phase. */
  readonly valuesLeft: number;
  /** Bytes received. */
  readonly bytes: number;
  /** The peer's tip as it says, and how far the records are. */
  readonly peerTip: Micros | undefined;
  readonly tip: Micros;
};

/** The most a run takes of one stream (R19). */
export type Quota = {
  readonly bytes?: number | undefined;
  readonly records?: number | undefined;
};

/** One run. */
export type Session = {
  readonly store: MirrorStore;
  /** Where the records come from. */
  readonly source: Source;
  /** Where values come from, by their hash: `source` and others that have the stream. */
  readonly sources: readonly Source[];
  /** Waits a moment for those that have not answered yet: they may have what is wanted. */
  readonly waitForOthers: () => Promise<void>;
  /** Those of `sources` that sent what they should not have, and what it was; asked for nothing more. */
  readonly excluded: Map<Source, DrayerError>;
  readonly verifier: Verifier;
  readonly background: Background;
  readonly quota: Quota;
  /** Nobody else wants the event loop. */
  readonly oneShot: boolean;
  readonly onProgress: ((progress: MirrorProgress) => void) | undefined;
  /** Written by the run's own functions only. */
  readonly state: SessionState;
};

/** The changing part of a {@link Session}. */
export type SessionState = {
  /** The highest `modified` of a verified record that was shown (R13). */
  goal: Micros;
  peerTip: Micros | undefined;
  records: number;
  values: number;
  valuesLeft: number;
  bytes: number;
  /** Records of the source that are on their way; taken up once. */
  opening: Opening | undefined;
};

/** Tells the caller how far the run is. */
export function reportProgress(
  session: Session,
  phase: MirrorProgress['phase'],
  tip: Micros,
): void {
  const { peerTip, records, values, valuesLeft, bytes } = session.state;
  session.onProgress?.({ phase, records, values, valuesLeft, bytes, peerTip, tip });
}
