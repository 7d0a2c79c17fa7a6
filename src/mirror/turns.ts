/**
 * Whose turn it is to take over from a source that is too slow: those that were not found so themselves,
 * however many hostile ones there are. Each gets a chance before any gets another.
 */
import type { DrayerError } from '../core/errors.ts';
import type { Pace } from './pace.ts';
import type { Source } from './source.ts';

/** From here on a part that has brought nothing is taken over, ms; less, the more sources kept silent. */
const YOUNG_MS = 400;
const LEAST_YOUNG_MS = 90;

/** A source that may take something over. */
export type Taker = {
  readonly source: Source;
  readonly pace: Pace;
  /** Why it is not asked any more. */
  failure: DrayerError | undefined;
};

/** Remembers who was taken over from. */
export class Turns {
  readonly #times = new Map<Source, number>();
  #all = 0;

  /** A part of this source was taken over by another. */
  tooSlow(source: Source): void {
    this.#times.set(source, this.#timesOf(source) + 1);
    this.#all += 1;
  }

  /** Whether another one that has nothing to do either comes first. */
  isBehind({ source }: Taker, others: readonly Taker[]): boolean {
    const own = this.#timesOf(source);
    const free = others.filter(({ pace, failure }) => pace.open === 0 && failure === undefined);
    return own > 0 && free.some((other) => this.#timesOf(other.source) < own);
  }

  /** How long a part may bring nothing before this source takes it over, ms: twice as long each time. */
  youngMs(source: Source): number {
    const ms = Math.max(LEAST_YOUNG_MS, YOUNG_MS / (1 + this.#all));
    return ms * 2 ** Math.min(this.#timesOf(source), 10);
  }

  #timesOf(source: Source): number {
    return this.#times.get(source) ?? 0;
  }
}
