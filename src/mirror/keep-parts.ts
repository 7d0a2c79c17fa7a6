/**
 * Keeping on disk what has come of large values while they come, so that a process that is killed does not
 * begin them again. What comes quickly is not worth it: only what has been under way for a second is kept.
 */
import { hash } from '#crypto';
import type { PartFile } from '../store/part-file.ts';
import type { PartValues } from '../store/part-values.ts';
import type { Source } from './source.ts';
import type { WantedValue } from './value-parts.ts';

/** Smaller values are fetched again. */
const LEAST_BYTES = 1024 * 1024;
/** A value is kept once it has been under way for so long. */
const YOUNG_MS = 1000;
/** So much is written at once; after a second less, and after five whatever there is. */
const NEWS_BYTES = 128 * 1024;
const LATE: readonly (readonly [ms: number, bytes: number])[] = [
  [5000, 1],
  [1000, 16 * 1024],
];
/** So often the disk is told to take it: that is what a power cut costs, ms. */
const SYNC_MS = 10_000;

/** Keeps the values of one run. */
export class PartKeeper {
  readonly #parts: PartValues | undefined;
  /** The values of which something is kept, and when it was kept last. */
  readonly #keptMs = new Map<WantedValue, number>();
  #syncedMs = performance.now();

  /** @param parts - where; without it nothing is kept */
  constructor(parts: PartValues | undefined) {
    this.#parts = parts;
  }

  /** Has a value that a source is about to begin go on with what is here of it. */
  resume(wanted: WantedValue, source: Source): void {
    const parts = this.#parts;
    if (parts === undefined || parts.isEmpty) return;
    if (parts.isDoubted(wanted.hash)) wanted.isAlone = true;
    const by = wanted.isAlone ? nameOf(source) : undefined;
    if (wanted.isSpoiled) parts.drop(wanted.hash, by);
    const kept = parts.find(wanted.hash, by);
    if (kept === undefined || kept.bytes === 0) return;
    // One that goes on alone has one gap: others are not to fill a second.
    if (wanted.isAlone && !isSoundStart(kept)) {
      parts.drop(wanted.hash, by);
      return;
    }
    this.#keptMs.set(wanted, performance.now());
    wanted.resume(kept);
  }

  /** What several sources brought was wrong: what is kept from now on, and by later runs, is of one alone. */
  doubt({ hash: digest }: WantedValue): void {
    this.#parts?.doubt(digest);
  }

  /** What the one source brought alone was wrong. */
  drop({ hash: digest, owner }: WantedValue): void {
    if (owner !== undefined) this.#parts?.drop(digest, nameOf(owner));
  }

  /** Keeps what is due; to be called every now and then. Returns whether anything was. */
  tick(begun: Iterable<WantedValue>): boolean {
    if (this.#parts === undefined) return false;
    const now = performance.now();
    let hasKept = false;
    for (const wanted of begun) {
      if ((wanted.size ?? 0) < LEAST_BYTES) continue;
      const sinceMs = this.#keptMs.get(wanted) ?? wanted.sinceMs;
      const isYoung = now - wanted.sinceMs < YOUNG_MS;
      if (isYoung && !wanted.hasKept && !wanted.isSpoiled) continue;
      const [, leastBytes = NEWS_BYTES] = LATE.find(([ms]) => now - sinceMs >= ms) ?? [];
      if (!keep(this.#parts, wanted, leastBytes)) continue;
      this.#keptMs.set(wanted, now);
      hasKept = true;
    }
    this.#dropSpoiled(this.#parts);
    if (now - this.#syncedMs < SYNC_MS) return hasKept;
    this.#syncedMs = now;
    this.#parts.sync();
    return hasKept;
  }

  /** Keeps what there is: the run is over, and another may go on. */
  end(begun: Iterable<WantedValue>): void {
    if (this.#parts === undefined) return;
    for (const wanted of begun) keep(this.#parts, wanted, 1);
    this.#dropSpoiled(this.#parts);
    this.#parts.close();
  }

  /** Of a value that somebody is at, keeping does that. */
  #dropSpoiled(parts: PartValues): void {
    for (const wanted of this.#keptMs.keys()) {
      if (wanted.isSpoiled && wanted.isWaiting) parts.drop(wanted.hash);
      if (wanted.isDone) this.#keptMs.delete(wanted);
    }
  }
}

function keep(parts: PartValues, wanted: WantedValue, leastBytes: number): boolean {
  const { size = 0, isAlone, owner } = wanted;
  const by = isAlone && owner !== undefined ? nameOf(owner) : undefined;
  if (wanted.isSpoiled) {
    parts.drop(wanted.hash);
    parts.drop(wanted.hash, by);
  }
  // Nor what several bring once more of what they brought wrongly.
  const isMixed = by === undefined && (isAlone || parts.isDoubted(wanted.hash));
  const news = size < LEAST_BYTES || isMixed ? [] : wanted.takeNews(leastBytes);
  if (news.length > 0) parts.keep(wanted.hash, size, news, by);
  return news.length > 0;
}

/** Whether all that is kept is there, from the first byte on in one piece. */
function isSoundStart(kept: PartFile): boolean {
  const [only, ...others] = kept.load(new Uint8Array(kept.size));
  return only?.start === 0 && only.end === kept.bytes && others.length === 0;
}

/** A source in the name of a file. */
function nameOf({ url }: Source): string {
  return Buffer.from(hash(Buffer.from(url))).toString('hex', 0, 8);
}
