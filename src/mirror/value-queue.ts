/** The values a run wants: those that wait, those that are begun, and the memory they take together. */
import type { Range } from '../store/byte-ranges.ts';
import type { Room } from './download-value.ts';
import type { Source } from './source.ts';
import { WantedValue } from './value-parts.ts';

/** What one request is to bring. */
export type Job = { readonly wanted: WantedValue; readonly range: Range };

/** All of a value, of whatever size. */
export const WHOLE: Range = { start: 0, end: Number.POSITIVE_INFINITY };

/** Memory for values under way; a single larger one is let through alone. */
const BUDGET_BYTES = 32 * 1024 * 1024;
/** Larger memory is given back after its value. */
const KEPT_ROOM_BYTES = 8 * 1024 * 1024;

/** Hands out what is to be fetched next. */
export class ValueQueue {
  /** What is not there yet. */
  readonly open: Set<WantedValue>;
  /** What somebody is at, or was. */
  readonly begun: Set<WantedValue> = new Set();
  /** In the order to begin; what has to be begun again is at its end once more. */
  readonly #waiting: WantedValue[];
  /** Places up to which sources have looked. */
  readonly #cursors = new Map<Source, number>();
  /** Used again and again: what is thrown away is only collected when there is much of it. */
  readonly #rooms: Room[] = [];

  readonly #resume: (wanted: WantedValue, source: Source) => void;

  /** @param resume - told of each value that is about to be begun, and by whom: something of it may be here */
  constructor(
    hashes: readonly Uint8Array[],
    resume: (wanted: WantedValue, source: Source) => void,
  ) {
    this.#resume = resume;
    this.#waiting = hashes.map((digest) => new WantedValue(digest));
    this.open = new Set(this.#waiting);
  }

  /** What another request for a begun value has left. */
  takeGap(isFor: (wanted: WantedValue) => boolean): Job | undefined {
    for (const wanted of this.begun) {
      const range = isFor(wanted) ? wanted.gaps.pop() : undefined;
      if (range !== undefined) return { wanted, range };
    }
    return undefined;
  }

  /** The next value that waits, if there is memory for it. */
  takeFresh(source: Source, isFor: (wanted: WantedValue) => boolean): Job | undefined {
    for (let at = this.#cursors.get(source) ?? 0; ; at += 1) {
      this.#cursors.set(source, at);
      const wanted = this.#waiting[at];
      if (wanted === undefined) return undefined;
      if (!wanted.isWaiting || wanted.isDone || !isFor(wanted)) continue;
      if (wanted.gaps.length === 0) this.#resume(wanted, source);
      if (!this.hasRoom(wanted, wanted.likelyBytes ?? 0)) return undefined;
      this.begun.add(wanted);
      return { wanted, range: wanted.gaps.pop() ?? WHOLE };
    }
  }

  /** Begins anew to look through what waits: who was to fetch some of it is gone. */
  lookAgain(): void {
    this.#cursors.clear();
  }

  /** Puts a value that nobody is at any more where the others wait. */
  putBack(wanted: WantedValue): void {
    this.begun.delete(wanted);
    this.#reuse(wanted.giveBack());
    this.#waiting.push(wanted);
  }

  /** Notes that a value is there. */
  done(wanted: WantedValue): void {
    this.open.delete(wanted);
    this.begun.delete(wanted);
    wanted.finish();
    this.#reuse(wanted.giveBack());
  }

  /** Whether `bytes` for a value fit beside what is under way. */
  hasRoom(wanted: WantedValue, bytes: number): boolean {
    let taken = 0;
    for (const other of this.begun) if (other !== wanted) taken += other.bytes;
    return taken === 0 || taken + bytes <= BUDGET_BYTES;
  }

  /** Memory that was used before, or none yet. */
  newRoom(): Room {
    return this.#rooms.pop() ?? { bytes: new Uint8Array(0), length: 0 };
  }

  #reuse(room: Room | undefined): void {
    if (room !== undefined && room.bytes.length <= KEPT_ROOM_BYTES) this.#rooms.push(room);
  }
}
