/** Mirrors that come into a data folder while a server runs over it. */
import { type FSWatcher, watch } from 'node:fs';
import { basename, join } from 'node:path';
import { streamFilesIn } from './known-streams.ts';

/** What {@link watchForMirrors} calls. */
export type MirrorWatch = {
  /** Stream files that are served already, or are not to be. */
  readonly known: readonly string[];
  readonly onMirror: (path: string) => void;
  /** The folder cannot be read. Told once, until it can be read again; it is looked at again and again. */
  readonly onError: (error: unknown) => void;
  /** Time between two looks, ms; where the system tells of what comes, there is a look only then. Default 1,000. */
  readonly everyMs?: number | undefined;
};

/** Where the system tells of what comes, it is looked once in so many turns anyway. */
const UNTOLD_TURNS = 30;
/** Longest that a timer waits. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Looks into the data folder, and tells once about each stream file that is not known: mirrors made while
 * the server runs.
 *
 * @returns how to stop looking
 */
export function watchForMirrors(dataDir: string, options: MirrorWatch): () => void {
  const watching = new Watching(dataDir, options);
  return () => watching.close();
}

class Watching {
  readonly #dataDir: string;
  readonly #options: MirrorWatch;
  readonly #seen: Set<string>;
  #timer: NodeJS.Timeout | undefined;
  /** Every so many turns it wakes up. */
  #stride = 0;
  #watcher: FSWatcher | undefined;
  /** Something has come, or may have. */
  #isDue = true;
  /** How often the system has told of something. */
  #told = 0;
  /** How often it had, when something was found that it had not told of; it may still. */
  #owed: number | undefined;
  /** It tells of all that comes, as far as is known. */
  #isTrusted = true;
  #isLooking = false;
  #isFailing = false;
  #isClosed = false;
  #turn = 0;

  constructor(dataDir: string, options: MirrorWatch) {
    this.#dataDir = dataDir;
    this.#options = options;
    this.#seen = new Set(options.known);
    this.#listen();
    this.#keepPace();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#deafen();
  }

  /** There is nothing to wake up for until the system tells of something, or it is looked anyway. */
  #keepPace(): void {
    const isAwaited = this.#isDue || this.#owed !== undefined || this.#watcher === undefined;
    const stride = isAwaited ? 1 : UNTOLD_TURNS;
    if (this.#isClosed || stride === this.#stride) return;
    this.#stride = stride;
    clearInterval(this.#timer);
    const everyMs = Math.min((this.#options.everyMs ?? 1000) * stride, LONGEST_MS);
    this.#timer = setInterval(() => void this.#next(), everyMs);
    this.#timer.unref();
  }

  async #next(): Promise<void> {
    await this.#turnOver();
    this.#keepPace();
  }

  async #turnOver(): Promise<void> {
    this.#turn += this.#stride;
    if (this.#owed === this.#told) this.#distrust();
    this.#owed = undefined;
    const isTurn = this.#turn >= UNTOLD_TURNS;
    if (isTurn) this.#turn = 0;
    // Another folder may be in its place by now.
    if (isTurn || this.#watcher === undefined) this.#listen();
    const isAsked = this.#isDue || this.#watcher === undefined;
    if (this.#isLooking || !(isAsked || isTurn)) return;
    this.#isDue = false;
    this.#isLooking = true;
    const hasCome = await this.#look();
    this.#isLooking = false;
    if (hasCome && !isAsked && !this.#isDue) this.#owed = this.#told;
  }

  /** Returns whether there was any that is not known. */
  async #look(): Promise<boolean> {
    try {
      const found = await streamFilesIn(this.#dataDir);
      const come = found.filter((path) => !this.#seen.has(path));
      this.#isFailing = false;
      for (const path of come) {
        this.#seen.add(path);
        this.#options.onMirror(path);
      }
      return come.length > 0;
    } catch (error) {
      if (!this.#isFailing) this.#options.onError(error);
      this.#isFailing = true;
      this.#isDue = true;
      return false;
    }
  }

  #distrust(): void {
    this.#isTrusted = false;
    this.#deafen();
  }

  #deafen(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #listen(): void {
    this.#deafen();
    if (!this.#isTrusted) return;
    try {
      // Not `persistent`: a server keeps the process alive by its sockets, not by looking around.
      const options = { persistent: false };
      this.#watcher = watch(this.#dataDir, options, (_, name) => this.#hear(name));
      this.#watcher.on('error', () => {
        this.#distrust();
        this.#keepPace();
      });
    } catch {
      // There is no such folder, or the system watches no more: it is looked at every time.
    }
  }

  #hear(name: string | null): void {
    // The folder itself is gone.
    if (name === basename(this.#dataDir)) {
      this.#deafen();
      this.#keepPace();
    }
    const isOther = name !== null && !name.endsWith('.stream');
    if (isOther || (name !== null && this.#seen.has(join(this.#dataDir, name)))) return;
    this.#told += 1;
    this.#isDue = true;
    this.#keepPace();
  }
}
