/** Which part of a value a source that has nothing else to do takes over from a slower one. */
import type { Pace } from './pace.ts';
import type { Part } from './part.ts';
import type { Source } from './source.ts';
import type { WantedValue } from './value-parts.ts';

/** A part, and from which of its bytes on it is better fetched elsewhere. */
export type TakeOver = { readonly wanted: WantedValue; readonly part: Part; readonly from: number };

/** A rest is shared from this size on; a smaller one goes to one of the two. */
const LEAST_SHARED_BYTES = 256 * 1024;
/** What ends sooner is left alone: a request more takes time too. */
const LEAST_LEFT_MS = 100;
/** Less than this is no progress. */
const LEAST_PROGRESS_BYTES = 16 * 1024;
/** What a source that was never measured is believed to be able to, at least: it is worth a try. */
const GUESS_BYTES_PER_SECOND = 1024 * 1024;

/**
 * Finds the part under way that would end last, if `source` were of any help with it.
 *
 * @param pace - the one of `source`, which is at nothing else
 * @param youngMs - a part that has brought nothing is not judged before
 */
export function findTakeOver(
  { source, pace }: { readonly source: Source; readonly pace: Pace },
  begun: Iterable<WantedValue>,
  youngMs: number,
): TakeOver | undefined {
  const own = pace.rate();
  let best: TakeOver | undefined;
  let bestMs = LEAST_LEFT_MS;
  for (const wanted of begun) {
    if (wanted.lackedBy.has(source)) continue;
    for (const part of wanted.open) {
      if (part.source === source) continue;
      const hasBegun = part.at > part.start;
      if (!hasBegun && performance.now() - part.sinceMs < youngMs) continue;
      // Of a size nobody knows there is no telling when it ends.
      if (hasBegun && !Number.isFinite(part.end)) continue;
      const leftMs = timeFor(part.end - part.at, part.pace.rate());
      const from = leftMs > bestMs ? shareFrom(wanted, part, own) : undefined;
      if (from === undefined) continue;
      best = { wanted, part, from };
      bestMs = leftMs;
    }
  }
  return best;
}

/** From which byte on the rest of a part comes sooner; undefined where it does not. */
function shareFrom(wanted: WantedValue, part: Part, measured: number): number | undefined {
  const left = part.end - part.at;
  const theirs = part.pace.rate();
  const own = measured || Math.max(theirs, GUESS_BYTES_PER_SECOND);
  if (theirs === 0) return part.at;
  if (!wanted.isAlone && left >= LEAST_SHARED_BYTES) {
    return part.at + Math.floor((left * theirs) / (theirs + own));
  }
  // All or nothing, and from the first byte where several sources are not to be mixed.
  const ownMs = timeFor(wanted.isAlone ? part.end : left, own) + LEAST_LEFT_MS;
  return timeFor(left, theirs) > 2 * ownMs ? part.at : undefined;
}

/** Tells whether enough of a part has come: who sends a byte now and then could go on for ever. */
export function hasProgress({ at, start }: Part): boolean {
  return at - start >= LEAST_PROGRESS_BYTES;
}

function timeFor(bytes: number, rate: number): number {
  return rate === 0 ? Number.POSITIVE_INFINITY : (bytes / rate) * 1000;
}
