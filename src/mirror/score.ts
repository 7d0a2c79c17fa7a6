/** What a round says about each source: who is asked first next time, and who is left alone for how long. */
import type { DrayerError } from '../core/errors.ts';
import { addressOf, type Candidate } from './candidates.ts';
import type { Contact } from './contacts.ts';
import { snapshotIn } from './fork.ts';
import type { Concluded } from './round-outcome.ts';
import { type KnownSource, LONGEST_REST_MS, type SourceMemory } from './source-memory.ts';

/** A source that shows less than it did. */
export type FallenSource = {
  readonly url: string;
  /** Newest `modified` it showed before, and now. */
  readonly from: number;
  readonly to: number;
  /** Whether it is the first round that sees it. */
  readonly isNew: boolean;
};

const BEST = 10;
/** First rest of a source that is away, and the longest, ms. */
const AWAY_MS = 5_000;
const MOST_AWAY_MS = 30 * 60_000;
/** The same for one that lied. */
const LIED_MS = 10 * 60_000;
const MOST_LIED_MS = LONGEST_REST_MS;

/**
 * Brings the memory up to date with a round.
 *
 * @param nowMs - since 1970
 * @param random - from 0 to 1: rests differ by it, so that many mirrors do not come back at once
 */
export function noteRound(
  memory: SourceMemory,
  round: Concluded,
  { nowMs, random }: { readonly nowMs: number; readonly random: () => number },
): SourceMemory {
  const known = new Map(memory.sources.map((source) => [source.address, source]));
  const at = (candidate: Candidate): KnownSource => sourceOf(candidate, known);
  for (const contact of round.contacts) {
    const before = at(contact.candidate);
    known.set(before.address, heard(before, contact, { nowMs, gave: contact === round.from }));
  }
  for (const { candidate, error } of round.failures) {
    const before = at(candidate);
    known.set(before.address, failed(before, error, nowMs, random()));
  }
  const changedAt = round.changed ? nowMs : memory.changedAt;
  return { sources: [...known.values()], changedAt };
}

/** The sources of a round that have gone back behind what they have shown themselves. */
export function fallenSources(
  { contacts }: Concluded,
  before: SourceMemory,
  after: SourceMemory,
): FallenSource[] {
  return contacts.flatMap(({ candidate }) => {
    const address = addressOf(candidate.peer);
    const one = after.sources.find((source) => source.address === address);
    if (one?.fellTo === undefined) return [];
    const earlier = before.sources.find((source) => source.address === address);
    const isNew = earlier?.fellTo === undefined;
    return [{ url: candidate.peer.text, from: one.tip, to: one.fellTo, isNew }];
  });
}

function sourceOf({ peer, kind }: Candidate, known: ReadonlyMap<string, KnownSource>): KnownSource {
  const address = addressOf(peer);
  const none = { address, score: 0, failures: 0, restsUntil: 0, tip: 0, heardAt: 0 };
  const before = known.get(address);
  // Once given by hand, it stays so.
  return { ...none, ...before, kind: before?.kind === 'given' ? 'given' : kind };
}

function heard(
  before: KnownSource,
  { tip }: Contact,
  { nowMs, gave }: { readonly nowMs: number; readonly gave: boolean },
): KnownSource {
  const shown = tip?.modified ?? 0;
  const hasFallen = shown < before.tip;
  const worth = hasFallen ? -2 : 1 + (gave ? 1 : 0);
  return {
    ...before,
    score: clamp(before.score + worth),
    failures: 0,
    restsUntil: 0,
    fault: undefined,
    tip: Math.max(before.tip, shown),
    seq: hasFallen ? before.seq : tip && snapshotIn(tip)?.seq,
    fellTo: hasFallen ? shown : undefined,
    heardAt: nowMs,
  };
}

function failed(
  before: KnownSource,
  { code }: DrayerError,
  nowMs: number,
  random: number,
): KnownSource {
  const failures = before.failures + 1;
  const isLie = code === 'PEER_MISBEHAVED';
  const [first, most] = isLie ? [LIED_MS, MOST_LIED_MS] : [AWAY_MS, MOST_AWAY_MS];
  const rest = Math.min(most, first * 2 ** Math.min(failures - 1, 20)) * (0.5 + random / 2);
  return {
    ...before,
    score: clamp(before.score - (isLie ? 5 : 1)),
    failures,
    restsUntil: Math.round(nowMs + rest),
    fault: code,
  };
}

function clamp(score: number): number {
  return Math.max(-BEST, Math.min(BEST, score));
}
