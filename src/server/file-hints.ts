/**
 * Hints of the system that a file is being written to. A hint comes with each write, so before the commit
 * that the writes are of, and none may come at all: it only says where to look more often for a moment.
 *
 * Who opens a file to read it makes its empty log anew, and that is hinted at like a write; hundreds of files
 * are opened all the time, to answer a mirror or to look into one of their own.
 */
import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** How often, and for how long after the last hint, a file is looked at, ms. */
const LOOK_MS = 4;
const HOT_MS = 100;
/** Folders that are watched; files elsewhere are noticed by the ordinary poll alone. */
const MOST_FOLDERS = 16;
/** The hint of a change comes at most so much sooner or later than the change is seen otherwise, ms. */
const WITHIN_MS = 1_000;
/** What a mirror remembers of its sources. */
const OF_NO_CHANGE = /\.sources(\.\d+\.part)?$/;
/** What is written into it comes with a hint of its own. */
const OF_LOG = /-(wal|shm)$/;

/** Watches the folders of files. {@link FileHints.close} stops it. */
export class FileHints {
  readonly #look: (path: string) => void;
  /** By folder: who watches it, and the files in it by their names. */
  readonly #folders = new Map<string, Folder>();
  /** Until when a file is looked at; only while its log has anything in it where nothing else was written. */
  readonly #hot = new Map<string, { untilMs: number; isLogOnly: boolean }>();
  /** By file, when a hint of it came last. */
  readonly #heard = new Map<string, number>();
  /** Files that somebody waits for a hint of. */
  readonly #expected = new Map<string, NodeJS.Timeout>();
  #isTrusted = true;
  #timer: NodeJS.Timeout | undefined;

  /** @param look - called for a file that may have changed, some times for each change; must not throw */
  constructor(look: (path: string) => void) {
    this.#look = look;
  }

  /** Whether a hint comes of each change, as far as is known: where one did not, none is trusted again. */
  get isTrusted(): boolean {
    return this.#isTrusted;
  }

  /** A change of a file was seen without them: if no hint of it comes soon, they are not trusted again. */
  expect(path: string): void {
    const sinceMs = performance.now() - WITHIN_MS;
    if (!this.#isTrusted || this.#expected.has(path)) return;
    const judge = (): void => {
      if (
        this.#expected.delete(path) &&
        (this.#heard.get(path) ?? Number.NEGATIVE_INFINITY) < sinceMs
      ) {
        this.#isTrusted = false;
      }
    };
    // What has come while this process was busy is heard before.
    const timer = setTimeout(() => void setImmediate(judge), WITHIN_MS);
    timer.unref();
    this.#expected.set(path, timer);
  }

  /** Watches for writes to a file, and to what SQLite keeps beside it. */
  add(path: string): void {
    const directory = dirname(path);
    const folder = this.#folders.get(directory) ?? this.#watch(directory);
    if (folder === undefined) this.#isTrusted = false;
    else folder.files.set(basename(path), path);
  }

  /** Watches for them no longer. */
  remove(path: string): void {
    const directory = dirname(path);
    const folder = this.#folders.get(directory);
    this.#forget(path);
    folder?.files.delete(basename(path));
    if (folder?.files.size !== 0) return;
    folder.watcher.close();
    this.#folders.delete(directory);
  }

  /** Idempotent. */
  close(): void {
    for (const { watcher } of this.#folders.values()) watcher.close();
    for (const path of this.#expected.keys()) this.#forget(path);
    this.#folders.clear();
    this.#hot.clear();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #watch(directory: string): Folder | undefined {
    if (this.#folders.size >= MOST_FOLDERS) return undefined;
    try {
      const files = new Map<string, string>();
      // Not `persistent`: a server keeps the process alive by its sockets, not by looking around.
      const watcher = watch(directory, { persistent: false }, (_, name) => {
        const path = name === null ? undefined : fileOf(files, name);
        if (name !== null && path !== undefined) this.#heat(path, name);
      });
      // The folder is gone, or the system watches no more: then the poll has to do.
      watcher.on('error', () => {
        this.#isTrusted = false;
        watcher.close();
      });
      const folder = { watcher, files };
      this.#folders.set(directory, folder);
      return folder;
    } catch {
      return undefined;
    }
  }

  #forget(path: string): void {
    clearTimeout(this.#expected.get(path));
    this.#expected.delete(path);
    this.#heard.delete(path);
    this.#hot.delete(path);
  }

  #heat(path: string, name: string): void {
    if (OF_NO_CHANGE.test(name)) return;
    const now = performance.now();
    const isLogOnly = OF_LOG.test(name) && this.#hot.get(path)?.isLogOnly !== false;
    this.#heard.set(path, now);
    this.#hot.set(path, { untilMs: now + HOT_MS, isLogOnly });
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#tick(), LOOK_MS);
    this.#timer.unref();
  }

  #tick(): void {
    const now = performance.now();
    for (const [path, { untilMs, isLogOnly }] of [...this.#hot]) {
      if (untilMs < now || (isLogOnly && isEmpty(`${path}-wal`))) this.#hot.delete(path);
      this.#look(path);
    }
    if (this.#hot.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

type Folder = { readonly watcher: FSWatcher; readonly files: Map<string, string> };

/** The file that a name in its folder belongs to: itself, its log, or what a commit writes beside it. */
function fileOf(files: ReadonlyMap<string, string>, name: string): string | undefined {
  for (let end = name.length; end > 0; end = lastMark(name, end)) {
    const path = files.get(name.slice(0, end));
    if (path !== undefined) return path;
  }
  return undefined;
}

/** Where the last `-` or `.` before `end` is. */
function lastMark(name: string, end: number): number {
  return Math.max(name.lastIndexOf('-', end - 1), name.lastIndexOf('.', end - 1));
}

function isEmpty(path: string): boolean {
  try {
    return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
  } catch {
    return false;
  }
}
