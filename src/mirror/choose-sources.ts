/**
 * Whom of many a round asks: those that were good, and beside them others in turn, so that each is asked
 * sooner or later however many there are, and no host has more turns for having many addresses.
 */
import { addressOf, type Candidate } from './candidates.ts';
import type { KnownSource } from './source-memory.ts';

/** Who is asked. */
export type Choice = {
  /** The best first, those given by hand before the others. */
  readonly candidates: readonly Candidate[];
  /** The host whose turn it was last: the next round goes on behind it. None where all are asked. */
  readonly turn: string | undefined;
  /** How many are not asked this time. */
  readonly leftOut: number;
};

/** What {@link chooseSources} goes by. */
export type Choosing = {
  /** By address. */
  readonly known: ReadonlyMap<string, KnownSource>;
  /** As the round before returned it. */
  readonly turn: string | undefined;
  /** From 0 to 1: which of the addresses of a host it is. */
  readonly random: () => number;
};

/** Given by hand, so many are asked each time; beyond, they have their turn as others have. */
const MOST_GIVEN = 128;
/** Of the others: the best of those that were good, and in all. */
const BEST = 16;
const OTHERS = 32;

/** Chooses from those that may be asked; each address is among them once. */
export function chooseSources(
  candidates: readonly Candidate[],
  { known, turn, random }: Choosing,
): Choice {
  const scoreOf = ({ peer }: Candidate): number => known.get(addressOf(peer))?.score ?? 0;
  const byScore = [...candidates].sort((a, b) => scoreOf(b) - scoreOf(a));
  const given = byScore.filter(({ kind }) => kind === 'given').slice(0, MOST_GIVEN);
  const isGiven = new Set(given);
  const others = byScore.filter((candidate) => !isGiven.has(candidate));
  const best = others.filter((candidate) => scoreOf(candidate) > 0).slice(0, BEST);
  const isBest = new Set(best);
  const rest = others.filter((candidate) => !isBest.has(candidate));
  const next = inTurn(rest, { turn, random, most: OTHERS - best.length });
  const chosen = [...given, ...best, ...next.candidates];
  const leftOut = candidates.length - chosen.length;
  return { candidates: chosen, turn: leftOut === 0 ? undefined : next.turn, leftOut };
}

/** One of each host, beginning behind the one whose turn it was last; then another of each, and so on. */
function inTurn(
  rest: readonly Candidate[],
  { turn = '', random, most }: Omit<Choosing, 'known'> & { readonly most: number },
): Pick<Choice, 'candidates' | 'turn'> {
  const hosts = new Map<string, Candidate[]>();
  for (const candidate of rest) {
    const { hostname } = new URL(candidate.peer.origin);
    const own = hosts.get(hostname);
    if (own === undefined) hosts.set(hostname, [candidate]);
    else own.push(candidate);
  }
  const names = [...hosts.keys()].sort();
  const from = names.findIndex((name) => name > turn);
  const order = from < 0 ? names : [...names.slice(from), ...names.slice(0, from)];
  const candidates: Candidate[] = [];
  let last: string | undefined;
  for (let isLeft = true; isLeft; ) {
    isLeft = false;
    for (const name of order) {
      const waiting = hosts.get(name) ?? [];
      if (candidates.length >= most || waiting.length === 0) continue;
      candidates.push(...waiting.splice(Math.floor(random() * waiting.length), 1));
      last = name;
      isLeft ||= waiting.length > 0;
    }
  }
  return { candidates, turn: last };
}
