/** Cuts long synchronous work into slices, so that signals, timers and progress get their turn. */
import { DrayerError } from '../core/errors.ts';

/** Longest stretch of work without a pause, ms. */
const SLICE_MS = 10;

/** See {@link makeSlicer}. */
export type Slicer = {
  /** Tells whether it is time for a {@link Slicer.pause}; cheap enough to ask for every file. */
  isOver(): boolean;
  /** Lets the event loop turn once; throws ABORTED when the signal has fired. */
  pause(): Promise<void>;
};

/** Makes the slicer of one long piece of work. */
export function makeSlicer(signal?: AbortSignal): Slicer {
  let begun = performance.now();
  return {
    isOver: () => performance.now() - begun >= SLICE_MS,
    async pause() {
      await new Promise((resolve) => setImmediate(resolve));
      checkSignal(signal);
      begun = performance.now();
    },
  };
}

/**
 * Throws when the signal has fired.
 *
 * @throws {DrayerError} ABORTED with the signal's reason as cause
 */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

/** The error that says a signal has fired. */
export function abortError(signal: AbortSignal | undefined): DrayerError {
  return new DrayerError('ABORTED', 'stopped', { cause: signal?.reason });
}
