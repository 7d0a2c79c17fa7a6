/**
 * A walk on a thread of its own: begun by the command line before it has loaded what the rest of a
 * publish takes, it is over by then.
 */
import { sep } from 'node:path';
import { Worker } from 'node:worker_threads';
import { DrayerError } from '../core/errors.ts';
import type { IgnoreOptions } from './ignore-rules.ts';
import { readListing } from './listing.ts';
import { checkSignal } from './slicer.ts';
import type { SummedWalk, Walk } from './walk.ts';
import { workerUrl } from './worker-url.ts';

/** What is to be walked; survives being sent to another thread. */
export type WalkOrder = {
  /** Absolute, no symbolic link in it. */
  readonly root: string;
  readonly ignore: IgnoreOptions;
};

/** Makes the order for a site. */
export function walkOrder(
  root: string,
  { patterns = [], ownFiles = [] }: IgnoreOptions = {},
): WalkOrder {
  // The files of a stream lie beside the site; where they do, they need not be known.
  const inside = ownFiles.filter((path) => path.startsWith(root + sep));
  return { root, ignore: { patterns, ownFiles: inside } };
}

/** Otherwise short-lived objects take 48 MB before they are looked at. */
const YOUNG_MB = 8;

/** One walk on a thread of its own. {@link Walker.close} may be called twice. */
export class Walker {
  readonly #worker = new Worker(workerUrl('walk-worker'), {
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  });
  #answer: Promise<SummedWalk> | undefined;
  #order = '';

  constructor() {
    // Who ends without having asked for the walk is not held up by it.
    this.#worker.unref();
  }

  /** Begins to walk. Called once. */
  begin(order: WalkOrder): void {
    this.#order = JSON.stringify(order);
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

  /**
   * Returns what the walk found, once; undefined where it was another one that was begun.
   *
   * @throws {DrayerError} ABORTED when the signal says so
   */
  async take(order: WalkOrder, signal?: AbortSignal): Promise<Walk | undefined> {
    const answer = this.#answer;
    this.#answer = undefined;
    if (answer === undefined || JSON.stringify(order) !== this.#order) return undefined;
    const stop = (): void => void this.close();
    signal?.addEventListener('abort', stop);
    this.#worker.ref();
    try {
      checkSignal(signal);
      return openAnswer(order.root, await answer);
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

function openAnswer(root: string, answer: SummedWalk): Walk {
  let files: Walk['files'] | undefined;
  return {
    ...answer,
    get files() {
      files ??= readListing(answer.summary.listing, root);
      return files;
    },
  };
}
