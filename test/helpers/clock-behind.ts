/** A computer whose clock is behind that of its disks. */
import type { Scope } from './scope.ts';

/** Sets the clock of this process back until the end of the test. */
export function clockBehind(t: Scope, ms: number): void {
  const now = Date.now;
  t.defer(now, (original) => {
    Date.now = original;
  });
  Date.now = () => now() - ms;
}
