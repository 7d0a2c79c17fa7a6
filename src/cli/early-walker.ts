/** The thread that looks for the files of a site, started before anything else is loaded. */
import { availableParallelism } from 'node:os';
import { Walker } from '../publish/walker.ts';

let walker: Walker | undefined;

/** Starts the thread, where it has a processor to run on. */
export function startWalker(): void {
  if (availableParallelism() > 1) walker = new Walker();
}

/** Hands it over, once. */
export function takeWalker(): Walker | undefined {
  const taken = walker;
  walker = undefined;
  return taken;
}
