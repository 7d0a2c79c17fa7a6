/**
 * A thread beside the main one (publish-worker.ts): first it may look for the files of a site, then it
 * reads and compresses them.
 */
import { Worker } from 'node:worker_threads';
import { workerUrl } from '../store/worker-url.ts';
import type { WalkOrder } from './begun-walk.ts';
import type { EncodeJob, EncodeResult, EncodeSettings } from './encode-disk-file.ts';
import type { Listing } from './listing.ts';
import type { SharedSigning } from './shared-signing.ts';
import type { FoundRest } from './walk-place.ts';

/** What a thread is asked to do, in this order; `settings` and `sign` are not answered. */
export type ThreadOrder =
  | { readonly kind: 'walk'; readonly walk: WalkOrder }
  | { readonly kind: 'settings'; readonly settings: EncodeSettings }
  | { readonly kind: 'encode'; readonly jobs: readonly EncodeJob[] }
  | { readonly kind: 'sign'; readonly signing: SharedSigning };

/** What it says. */
export type ThreadAnswer =
  /** Some of the files of a walk; the others follow. */
  | { readonly kind: 'found'; readonly part: Listing }
  | { readonly kind: 'walked'; readonly rest: FoundRest }
  /** Of all jobs of an order, in their order. */
  | { readonly kind: 'encoded'; readonly results: readonly EncodeResult[] };

/** Otherwise short-lived objects take 48 MB a thread before they are looked at. */
const YOUNG_MB = 8;

/** One thread. */
export class PublishThread {
  readonly #worker: Worker;

  constructor() {
    this.#worker = new Worker(workerUrl('./publish-worker', import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
  }

  /** Asks for something. */
  ask(order: ThreadOrder): void {
    this.#worker.postMessage(order);
  }

  /**
   * Has somebody told what the thread says, and that it failed or ended; nobody else is from then on.
   *
   * @param onEnd - given what it failed with, if it did
   */
  listen(onAnswer: (answer: ThreadAnswer) => void, onEnd: (cause: unknown) => void): void {
    this.#worker.removeAllListeners();
    this.#worker.on('message', onAnswer);
    this.#worker.once('error', onEnd);
    this.#worker.once('exit', () => onEnd(undefined));
  }

  /** Tells whether it holds up the end of the process; from the start it does. */
  hold(isHeld: boolean): void {
    if (isHeld) this.#worker.ref();
    else this.#worker.unref();
  }

  /** Ends it, whatever it is doing. May be called twice. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
