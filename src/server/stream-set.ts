/**
 * The streams a server hosts. Generations committed by other processes are noticed within one poll:
 * SQLite's data_version is a read of shared memory, while file watchers miss changes on some file
 * systems and report every write of a transaction on others. Where they work, the poll is quicker for a
 * moment.
 */
import { DrayerError } from '../core/errors.ts';
import type { Generation, StreamReader } from '../store/reader.ts';
import { FileHints } from './file-hints.ts';
import { HostedFile, type StreamSource } from './hosted-file.ts';
import { type HostedStream, type HostedStreamFile, listOf } from './hosted-stream.ts';
import { SignatureChecks } from './signature-checks.ts';
import { groupByKey, keyText, newestOf } from './twins.ts';

export type { StreamSource } from './hosted-file.ts';
export type { HostedStream, HostedStreamFile } from './hosted-stream.ts';

/** A stream has reached another generation. */
export type GenerationEvent = {
  readonly id: string;
  readonly publicKey: Uint8Array;
  readonly generation: Generation;
};

/** What a server reads from. */
export type StreamSet = {
  /** The reader of a hosted stream; use it within one tick, and not after. */
  find(publicKey: Uint8Array): StreamReader | undefined;
  /** What is hosted now, each id once; the same array until there is something else. */
  list(): readonly HostedStream[];
  /** Calls `listener` after every new generation of any stream; returns how to stop that. */
  onGeneration(listener: (event: GenerationEvent) => void): () => void;
};

/** How a stream set looks after its files. */
export type StreamSetOptions = {
  /** Time between two looks at open streams, ms; 16 times as long where hints come of each change. */
  readonly pollMs?: number | undefined;
  /** Most connections held open; the least recently used is closed first. */
  readonly maxOpen?: number | undefined;
  /** Told what goes wrong while polling; the file is tried again later. Also of two files of one stream. */
  readonly onError?: ((error: unknown, path: string) => void) | undefined;
  /** Whether signatures that are still to be checked are checked here. Default: they are. */
  readonly checks?: boolean | undefined;
  /** Told that a file was added or removed. */
  readonly onSources?: (() => void) | undefined;
};

const POLL_MS = 50;
const MAX_OPEN = 64;
/** Where hints come of each change, polls are so many times rarer: to wake up costs more than to look. */
const HINTED = 16;
const LONGEST_MS = 2 ** 31 - 1;
/** Most open files looked at in one poll; of more each has its turn. */
const MOST_POLLED = 16;
/** The file itself is looked at once in so many polls of 50 ms, a stat costs more than a data_version; of many less often. */
const FILE_POLL_EVERY = 20;
const MOST_FILES_POLLED = 4;

/**
 * Opens stream files for reading. A `.part` file is never served: it is a mirror's first generation,
 * not complete yet (R15); list the final path as `optional` instead.
 *
 * @throws {DrayerError} STREAM_NOT_FOUND, STREAM_INVALID for a file that cannot be read
 */
export function openStreamSet(
  sources: readonly StreamSource[],
  options: StreamSetOptions = {},
): OpenStreamSet {
  const set = new OpenStreamSet(options);
  try {
    for (const source of sources) set.add(source);
    return set;
  } catch (error) {
    set.close();
    throw error;
  }
}

/** A stream set that owns its connections. */
export class OpenStreamSet implements StreamSet {
  readonly #files: HostedFile[] = [];
  readonly #open = new Set<HostedFile>();
  readonly #listeners = new Set<(event: GenerationEvent) => void>();
  readonly #listListeners = new Set<() => void>();
  readonly #warned = new Set<string>();
  readonly #checks: SignatureChecks;
  readonly #options: StreamSetOptions;
  readonly #hints: FileHints;
  #timer: NodeJS.Timeout | undefined;
  #rarity = 0;
  /** What is hosted, until it is something else: by file, by id, and by key. */
  #present: readonly HostedStreamFile[] | undefined;
  #listed: readonly HostedStream[] | undefined;
  #byKey: Map<string, HostedFile[]> | undefined;
  #turn = 0;
  #fileTurn = 0;
  #filesDue = 0;
  #uses = 0;

  constructor(options: StreamSetOptions) {
    this.#options = options;
    this.#checks = new SignatureChecks({
      checks: options.checks ?? true,
      onChecked: (path) => this.look(path),
      onError: options.onError,
    });
    this.#hints = new FileHints((path) => this.look(path));
    this.#keepPace();
  }

  /** Hosts one more. @throws {DrayerError} what opening throws */
  add(source: StreamSource): void {
    if (source.path.endsWith('.part')) return;
    if (this.#files.some((file) => file.source.path === source.path)) return;
    const file = new HostedFile(source, {
      onIdentity: () => this.#forget(),
      onOpen: (isOpen, one) => void (isOpen ? this.#open.add(one) : this.#open.delete(one)),
    });
    this.#files.push(file);
    this.#forget();
    this.#hints.add(source.path);
    this.#warnOfTwins(file);
    this.#checks.heed(file);
    this.#closeOldest();
    this.#options.onSources?.();
  }

  /** Hosts a file no longer. */
  remove(path: string): void {
    const at = this.#files.findIndex((file) => file.source.path === path);
    if (at === -1) return;
    for (const file of this.#files.splice(at, 1)) file.release();
    this.#forget();
    this.#checks.forget(path);
    this.#hints.remove(path);
    this.#warned.delete(path);
    this.#options.onSources?.();
  }

  find(publicKey: Uint8Array): StreamReader | undefined {
    const file = newestOf(this.#twins(publicKey));
    if (file === undefined) return undefined;
    this.#uses += 1;
    file.lastUsed = this.#uses;
    const reader = file.reader();
    this.#closeOldest();
    return reader;
  }

  list(): readonly HostedStream[] {
    this.#listed ??= listOf(this.files());
    return this.#listed;
  }

  onGeneration(listener: (event: GenerationEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls `listener`, a moment later, when something else may be hosted than at the last look; returns how to stop that. */
  onList(listener: () => void): () => void {
    this.#listListeners.add(listener);
    return () => void this.#listListeners.delete(listener);
  }

  /** The files it looks after, those that are still to come too. */
  sources(): readonly StreamSource[] {
    return this.#files.map(({ source }) => source);
  }

  /** What is hosted now, with the files; the same array until there is something else. */
  files(): readonly HostedStreamFile[] {
    this.#present ??= this.#files.flatMap(({ identity, source: { path, name } }) => {
      if (identity === undefined) return [];
      // Which of several is given decides.
      const given = newestOf(this.#twins(identity.publicKey));
      return [{ ...identity, name, path, isWithheld: given?.signatures !== 'checked' }];
    });
    return this.#present;
  }

  /** Looks at one file now instead of at the next poll. */
  look(path: string): void {
    this.#lookAt(path, (file) => file.poll() ?? file.pollFile());
  }

  /** Looks at every file now instead of at the next poll. */
  poll(): void {
    for (const file of this.#files) this.#look(file, () => file.poll() ?? file.pollFile());
  }

  /** Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    this.#checks.close();
    this.#hints.close();
    for (const file of this.#files.splice(0)) file.release();
    this.#forget();
  }

  #keepPace(): void {
    const rarity = this.#hints.isTrusted ? HINTED : 1;
    if (rarity === this.#rarity) return;
    this.#rarity = rarity;
    const { pollMs = POLL_MS } = this.#options;
    clearInterval(this.#timer);
    // A server keeps the process alive by its sockets, not by looking around.
    this.#timer = setInterval(() => this.#tick(), Math.min(pollMs * rarity, LONGEST_MS)).unref();
  }

  #tick(): void {
    this.#keepPace();
    const open = [...this.#open];
    for (let left = Math.min(MOST_POLLED, open.length); left > 0; left -= 1) {
      this.#turn += 1;
      this.#take(open[this.#turn % open.length], (file) => file.poll());
    }
    const due = (this.#files.length * this.#rarity) / FILE_POLL_EVERY;
    this.#filesDue += Math.min(MOST_FILES_POLLED, due);
    for (; this.#filesDue >= 1; this.#filesDue -= 1) {
      this.#fileTurn += 1;
      this.#take(this.#files[this.#fileTurn % this.#files.length], (file) => file.pollFile());
    }
  }

  /** Looks at a file whose turn it is: a change should have been hinted at. */
  #take(file: HostedFile | undefined, look: (file: HostedFile) => Generation | undefined): void {
    if (file === undefined) return;
    this.#look(file, () => {
      const generation = look(file);
      if (generation !== undefined) this.#hints.expect(file.source.path);
      return generation;
    });
  }

  #lookAt(path: string, look: (file: HostedFile) => Generation | undefined): void {
    const file = this.#files.find(({ source }) => source.path === path);
    if (file !== undefined) this.#look(file, () => look(file));
  }

  #look(file: HostedFile, look: () => Generation | undefined): void {
    try {
      const generation = look();
      this.#checks.heed(file);
      if (generation === undefined || file.identity === undefined) return;
      this.#warnOfTwins(file);
      const twins = this.#twins(file.identity.publicKey);
      if (twins.length > 1) this.#forget();
      if (newestOf(twins) !== file) return;
      const event = { ...file.identity, generation };
      for (const listener of this.#listeners) listener(event);
    } catch (error) {
      file.release();
      this.#options.onError?.(error, file.source.path);
    }
  }

  /** The files of one stream: an own one and a mirror of it, or a copy that was left lying about. */
  #twins(publicKey: Uint8Array): readonly HostedFile[] {
    this.#byKey ??= groupByKey(this.#files);
    return this.#byKey.get(keyText(publicKey)) ?? [];
  }

  #forget(): void {
    // Nobody has looked since it was said last.
    if (this.#present !== undefined) for (const tell of this.#listListeners) setImmediate(tell);
    this.#present = undefined;
    this.#listed = undefined;
    this.#byKey = undefined;
  }

  #warnOfTwins({ identity, source }: HostedFile): void {
    const twins = identity === undefined ? [] : this.#twins(identity.publicKey);
    const other = twins.find((file) => file.source !== source);
    if (identity === undefined || other === undefined || this.#warned.has(source.path)) return;
    for (const twin of twins) this.#warned.add(twin.source.path);
    const what = `${source.path} and ${other.source.path} are both the stream ${identity.id}`;
    const message = `${what}; the one with the newest state is served`;
    this.#options.onError?.(new DrayerError('CONFLICT', message), source.path);
  }

  #closeOldest(): void {
    const { maxOpen = MAX_OPEN } = this.#options;
    if (this.#open.size <= maxOpen) return;
    const open = [...this.#open].sort((a, b) => a.lastUsed - b.lastUsed);
    for (const file of open.slice(0, open.length - maxOpen)) file.release();
  }
}
