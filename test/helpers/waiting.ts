/** Waiting for what a test is told, without looking at the clock but to give up. */

/** See {@link makeWaiting}. */
export type Waiting = {
  /** Something was told: whoever waits looks again. */
  wake(): void;
  /** Resolves when `isTrue`; rejects after `lateMs`, with what was told so far. */
  until(what: string, isTrue: () => boolean): Promise<void>;
};

/** Makes a place to wait at; `told` is what the error of who waited in vain shows. */
export function makeWaiting(told: readonly string[], lateMs: number): Waiting {
  const waiting = new Set<() => void>();
  return {
    wake: () => {
      for (const look of waiting) look();
    },
    until: (what, isTrue) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`no ${what}: ${told}`)), lateMs);
        const look = (): void => {
          if (!isTrue()) return;
          clearTimeout(late);
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}
