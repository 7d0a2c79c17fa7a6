/** Asking several for the same, without waiting long for any: the first good answer counts. */
import { setTimeout as wait } from 'node:timers/promises';

/** How {@link firstOf} asks. */
export type FirstOfOptions<Item, Result> = {
  /**
   * Who has not answered after so long does not keep the next from being asked, ms. The more keep silent,
   * the shorter: half of it for the third, a third for the fourth, and so on to a sixth.
   */
  readonly afterMs: number;
  /** Most that are asked at the same time. */
  readonly atOnce: number;
  /** Told why one gave no answer. */
  readonly onFailed: (item: Item, error: unknown) => void;
  /** Told what came too late. */
  readonly onLate?: ((result: Result) => void) | undefined;
};

/** A good answer and whose it is. */
export type First<Item, Result> = { readonly item: Item; readonly result: Result };

/**
 * Asks one after the other, the next as soon as one has failed or kept silent for `afterMs`.
 *
 * @returns the first answer, or undefined when all have failed
 */
export async function firstOf<Item, Result>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Result>,
  { afterMs, atOnce, onFailed, onLate }: FirstOfOptions<Item, Result>,
): Promise<First<Item, Result> | undefined> {
  const rest = items.values();
  const asked = new Set<Promise<void>>();
  let first: First<Item, Result> | undefined;
  const askNext = (): boolean => {
    const { done, value: item } = rest.next();
    if (done) return false;
    const answered = ask(item).then(
      (result) => {
        if (first === undefined) first = { item, result };
        else onLate?.(result);
      },
      (error: unknown) => onFailed(item, error),
    );
    const settled: Promise<void> = answered.finally(() => asked.delete(settled));
    asked.add(settled);
    return true;
  };
  let isLeft = askNext();
  while (first === undefined && asked.size > 0) {
    const mayAsk = isLeft && asked.size < atOnce;
    const before = asked.size;
    const patienceMs = afterMs / Math.min(before, 6);
    await (mayAsk ? withPatience([...asked], patienceMs) : Promise.race(asked));
    const isOver = first !== undefined;
    if (!isOver && isLeft && (mayAsk || asked.size < before)) isLeft = askNext();
  }
  return first;
}

/** Waits until one of them has settled, but no longer than `ms`. */
async function withPatience(promises: readonly Promise<void>[], ms: number): Promise<void> {
  const stop = new AbortController();
  const patience = wait(ms, undefined, { signal: stop.signal }).catch(() => {});
  try {
    await Promise.race([...promises, patience]);
  } finally {
    stop.abort();
  }
}
