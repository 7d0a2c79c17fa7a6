/**
 * Work of which only so much is done in one turn of the event loop: what is new on all connections is
 * looked at between two turns, so nobody waits for all that others have asked for at once.
 */

/** Does work at once while this turn has room, and otherwise in a later one, in order. */
export type InTurn = (work: () => void) => void;

/** @param most - pieces of work in one turn */
export function limitTurns(most: number): InTurn {
  const waiting: (() => void)[] = [];
  let isOpen = false;
  let done = 0;
  const next = (): void => {
    done = 0;
    isOpen = false;
    while (done < most) {
      const work = waiting.shift();
      if (work === undefined) return;
      run(work);
    }
  };
  const run = (work: () => void): void => {
    // Before the work: where that throws, what waits still has its turn.
    if (!isOpen) setImmediate(next);
    isOpen = true;
    done += 1;
    work();
  };
  return (work) => {
    if (done < most && waiting.length === 0) run(work);
    else waiting.push(work);
  };
}
