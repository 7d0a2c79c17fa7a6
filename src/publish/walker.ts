/**
 * A walk on a thread of its own: begun by the command line before it has loaded what the rest of a
 * first publish takes. What it finds is told of as it goes, and in the end its thread is there for more.
 */
import { DrayerError } from '../core/errors.ts';
import { type BegunWalk, isSameOrder, type TakeOptions, type WalkOrder } from './begun-walk.ts';
import { joinListings, type Listing, readListing } from './listing.ts';
import { PublishThread } from './publish-thread.ts';
import { checkSignal } from './slicer.ts';
import { type DiskFile, largestOf, type Walk } from './walk.ts';
import type { FoundRest } from './walk-place.ts';

/** One walk on a thread of its own. {@link Walker.close} may be called twice. */
export class Walker implements BegunWalk {
  readonly #thread = new PublishThread();
  readonly #order: WalkOrder;
  readonly #parts: Listing[] = [];
  readonly #end: Promise<FoundRest>;
  #onNews: (() => void) | undefined;
  #isOver = false;
  #isTaken = false;
  #isGiven = false;

  /** Begins to walk. */
  constructor(order: WalkOrder) {
    this.#order = order;
    // Who ends without having asked for the walk is not held up by it.
    this.#thread.hold(false);
    this.#end = new Promise((resolve, reject) => {
      this.#thread.listen(
        (answer) => {
          if (answer.kind === 'found') this.#parts.push(answer.part);
          if (answer.kind === 'walked') resolve(answer.rest);
          this.#onNews?.();
        },
        (cause) => {
          reject(new DrayerError('INTERNAL', 'the thread that looks for files failed', { cause }));
        },
      );
    });
    const end = (): void => {
      this.#isOver = true;
      this.#onNews?.();
    };
    // What went wrong is reported by take, if anybody comes for it.
    this.#end.then(end, end);
    this.#thread.ask({ kind: 'walk', walk: order });
  }

  /** See {@link BegunWalk}. */
  async take(
    order: WalkOrder,
    { signal, onFile, onThread }: TakeOptions = {},
  ): Promise<Walk | undefined> {
    if (this.#isTaken || !isSameOrder(order, this.#order)) return undefined;
    this.#isTaken = true;
    const stop = (): void => void this.#thread.close();
    signal?.addEventListener('abort', stop);
    this.#thread.hold(true);
    try {
      checkSignal(signal);
      if (onThread !== undefined) {
        this.#isGiven = true;
        onThread(this.#thread, this.#end);
      }
      const files: DiskFile[] = [];
      for await (const part of this.#eachPart()) {
        checkSignal(signal);
        for (const file of readListing(part, order.root)) {
          files.push(file);
          onFile?.(file);
        }
      }
      const rest = await this.#end;
      const listing = joinListings(this.#parts);
      return {
        ...rest,
        files,
        summary: { count: files.length, largest: largestOf(files), listing },
      };
    } catch (error) {
      // The thread that ended was ended: by whoever gave the signal.
      checkSignal(signal);
      throw error;
    } finally {
      signal?.removeEventListener('abort', stop);
      await this.close();
    }
  }

  /** Ends the thread, whatever it is doing, unless somebody else has it by now. */
  async close(): Promise<void> {
    if (!this.#isGiven) await this.#thread.close();
  }

  /** The parts that are there, and those that come. */
  async *#eachPart(): AsyncGenerator<Listing> {
    for (let i = 0; ; i += 1) {
      while (i === this.#parts.length && !this.#isOver) {
        await new Promise<void>((resolve) => {
          this.#onNews = resolve;
        });
      }
      const part = this.#parts[i];
      if (part === undefined) return;
      yield part;
    }
  }
}
