/** The sources of one run, and what is known of each in it. */
import type { DrayerError } from '../core/errors.ts';
import type { PartKeeper } from './keep-parts.ts';
import { Pace } from './pace.ts';
import type { Source } from './source.ts';
import type { Taker } from './turns.ts';
import type { WantedValue } from './value-parts.ts';

/** What is known of a source in this run. */
export type Member = Taker & {
  /** It has answered; only then is it asked for several things at once. */
  hasAnswered: boolean;
  busyTimes: number;
  busyUntilMs: number;
};

/** The sources that are asked: those that have not lied. */
export function membersOf(
  sources: readonly Source[],
  excluded: ReadonlyMap<Source, DrayerError>,
): Member[] {
  const trusted = sources.filter((source) => !excluded.has(source));
  return trusted.map((source) => ({
    source,
    pace: new Pace(),
    hasAnswered: false,
    busyTimes: 0,
    busyUntilMs: 0,
    failure: undefined,
  }));
}

/** Whether anybody but `source` may have a value. */
export function mayAnother(
  members: readonly Member[],
  wanted: WantedValue,
  source: Source,
): boolean {
  const canOther = (other: Member): boolean =>
    other.source !== source && !other.failure && !wanted.lackedBy.has(other.source);
  return members.some(canOther);
}

/**
 * Does without what was kept of a value that was put together wrongly. Where several may have brought it, or
 * will, it comes from one alone in later runs; of who brought all of it alone something else is asked.
 */
export function dropKept(
  wanted: WantedValue,
  members: readonly Member[],
  keeper: PartKeeper,
): void {
  const { owner } = wanted;
  if (!wanted.isAlone || owner === undefined) {
    if (members.length > 1) keeper.doubt(wanted);
    wanted.dropKept();
    return;
  }
  keeper.drop(wanted);
  if (mayAnother(members, wanted, owner)) wanted.lackedBy.add(owner);
  wanted.restart();
}

/** Whether a source is asked for a value; whoever broke off, only where there is nobody else. */
export function isToAsk(members: readonly Member[], wanted: WantedValue, source: Source): boolean {
  if (wanted.lackedBy.has(source)) return false;
  if (wanted.isAlone && (wanted.owner ?? source) !== source) return false;
  return wanted.brokenBy !== source || !mayAnother(members, wanted, source);
}
