/**
 * A walk on a thread of its own: begun by the command line before it has loaded what the rest of a
 * first publish takes, it is over by then.
 */
import { Worker } from 'node:worker_threads';
import { DrayerError } from '../core/errors.ts';
import { workerUrl } from '../store/worker-url.ts';
import {
  type BegunWalk,
  isSameOrder,
  type TakeOptions,
  type WalkOrder,
  withFiles,
} from './begun-walk.ts';
import { checkSignal } from './slicer.ts';
import type { SummedWalk, Walk } from './walk.ts';

/** What the thread says: that there are many files, perhaps; then what it found. */
export type WalkMessage = 'many' | SummedWalk;

/** Otherwise short-lived objects take 48 MB before they are looked at. */
const YOUNG_MB = 8;

/** One walk on a thread of its own. {@link Walker.close} may be called twice. */
export class Walker implements BegunWalk {
  readonly #worker = new Worker(workerUrl('./walk-worker', import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  });
  #answer: Promise<SummedWalk> | undefined;
  #order: WalkOrder | undefined;
  #hasMany = false;
  #onMany: (() => void) | undefined;

  constructor() {
    // Who ends without having asked for the walk is not held up by it.
    this.#worker.unref();
  }

  /** Begins to walk. Called once. */
  begin(order: WalkOrder): void {
    this.#order = order;
    this.#answer = new Promise((resolve, reject) => {
      this.#worker.on('message', (found: WalkMessage) => {
        if (found === 'many') this.#tellMany();
        else resolve(found);
      });
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
  async take(order: WalkOrder, { signal, onMany }: TakeOptions = {}): Promise<Walk | undefined> {
    const [answer, begun] = [this.#answer, this.#order];
    this.#answer = undefined;
    if (answer === undefined || begun === undefined || !isSameOrder(order, begun)) return undefined;
    const stop = (): void => void this.close();
    signal?.addEventListener('abort', stop);
    this.#worker.ref();
    this.#onMany = onMany;
    if (this.#hasMany) onMany?.();
    try {
      checkSignal(signal);
      return withFiles(order.root, await answer);
    } catch (error) {
      // The thread that ended was ended: by whoever gave the signal.
      checkSignal(signal);
      throw error;
    } finally {
      // What the thread has said may come yet, when nobody is there any more to get ready for it.
      this.#onMany = undefined;
      signal?.removeEventListener('abort', stop);
      stop();
    }
  }

  /** Ends the thread, whatever it is doing. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #tellMany(): void {
    this.#hasMany = true;
    this.#onMany?.();
  }
}
