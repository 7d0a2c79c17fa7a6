/**
 * A walk on a thread of its own: begun by the command line before it has loaded what the rest of a
 * first publish takes, it is over by then.
 */
import { Worker } from 'node:worker_threads';
import { DrayerError } from '../core/errors.ts';
import { type BegunWalk, isSameOrder, type WalkOrder, withFiles } from './begun-walk.ts';
import { checkSignal } from './slicer.ts';
import type { SummedWalk, Walk } from './walk.ts';
import { workerUrl } from './worker-url.ts';

/** Otherwise short-lived objects take 48 MB before they are looked at. */
const YOUNG_MB = 8;

/** One walk on a thread of its own. {@link Walker.close} may be called twice. */
export class Walker implements BegunWalk {
  readonly #worker = new Worker(workerUrl('walk-worker'), {
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  });
  #answer: Promise<SummedWalk> | undefined;
  #order: WalkOrder | undefined;

  constructor() {
    // Who ends without having asked for the walk is not held up by it.
    this.#worker.unref();
  }

  /** Begins to walk. Called once. */
  begin(order: WalkOrder): void {
    this.#order = order;
    this.#answer = new Promise((resolve, reject) => {
      this.#worker.once('message', resolve);
      this.#worker.once('error', (cause) => {
        reject(new DrayerError('INTERNAL', 'the thread that looks for files failed', { cause }));
      });
      this.#worker.once('exit', () => {
        reject(new DrayerError('INTERNAL', 'the thread that looks for files ended'));
      });
    });
    // Reported by take, if anybody comes for it.
    this.#answer.catch(() => {});
    this.#worker.postMessage(order);
  }

  /** See {@link BegunWalk}. */
  async take(order: WalkOrder, signal?: AbortSignal): Promise<Walk | undefined> {
    const [answer, begun] = [this.#answer, this.#order];
    this.#answer = undefined;
    if (answer === undefined || begun === undefined || !isSameOrder(order, begun)) return undefined;
    const stop = (): void => void this.close();
    signal?.addEventListener('abort', stop);
    this.#worker.ref();
    try {
      checkSignal(signal);
      return withFiles(order.root, await answer);
    } catch (error) {
      // The thread that ended was ended: by whoever gave the signal.
      checkSignal(signal);
      throw error;
    } finally {
      signal?.removeEventListener('abort', stop);
      stop();
    }
  }

  /** Ends the thread, whatever it is doing. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
