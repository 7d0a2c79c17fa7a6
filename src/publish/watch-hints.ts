/**
 * Hints that something in a directory may have changed, from chokidar: a watcher for each directory, of
 * the directory alone. What happens to a file shows in its directory's own events, so a site of 10,000
 * files in a hundred directories needs a hundred watches. One watcher for the whole tree would be less
 * to hold, but none sees into a directory that was removed and made anew in a moment, or renamed and
 * back (a recursive fs.watch neither); here each is watched anew when a look finds another in its place.
 */
import { basename, relative, sep } from 'node:path';
import type { FSWatcher } from 'chokidar';
import { IGNORE_FILE } from './ignore-rules.ts';

/** What {@link openHints} is told. */
export type HintOptions = {
  /** Absolute, no symbolic link in it. */
  readonly root: string;
  /** Tells whether a walk would leave this path out. */
  readonly isIgnored: (relative: string, path: string, isDirectory: boolean) => boolean;
  /**
   * Something may have changed in a directory.
   *
   * @param directory - relative to the root, `/`-separated, '' for the root
   * @param name - what it was about, where that is known
   */
  readonly onHint: (directory: string, name: string | undefined) => void;
  /** Hints may have been lost. */
  readonly onError: (error: unknown) => void;
};

/** A source of hints. */
export type Hints = {
  /**
   * Watches these directories and no others. Resolves when it does: what happened before may not have
   * been hinted at.
   *
   * @param directories - relative to the root
   * @param replaced - those of them that are new, or took the place of others
   */
  watch(directories: ReadonlySet<string>, replaced: readonly string[]): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
};

/** Makes a source of hints, which watches nothing yet. */
export type OpenHints = (options: HintOptions) => Promise<Hints>;

/** Watches with chokidar. CHOKIDAR_USEPOLLING makes it poll, for disks that tell of no changes. */
export const openHints: OpenHints = async (options) => {
  const chokidar = await import('chokidar');
  const watchers = new Map<string, { readonly watcher: FSWatcher; readonly settle: () => void }>();
  const drop = (directory: string): Promise<void> | undefined => {
    const one = watchers.get(directory);
    watchers.delete(directory);
    one?.settle();
    return one?.watcher.close();
  };
  const add = (directory: string): Promise<void> =>
    new Promise((settle) => {
      const watcher = watchOne(chokidar.FSWatcher, directory, options);
      watchers.set(directory, { watcher, settle });
      watcher.once('ready', settle);
    });
  let isClosed = false;
  return {
    watch: async (directories, replaced) => {
      if (isClosed) return;
      for (const directory of watchers.keys()) {
        if (!directories.has(directory)) void drop(directory);
      }
      for (const directory of replaced) void drop(directory);
      await Promise.all(replaced.map(add));
    },
    close: async () => {
      isClosed = true;
      await Promise.all([...watchers.keys()].map(drop));
    },
  };
};

function watchOne(
  Watcher: typeof FSWatcher,
  directory: string,
  { root, isIgnored, onHint, onError }: HintOptions,
): FSWatcher {
  const path = directory === '' ? root : `${root}${sep}${directory.split('/').join(sep)}`;
  const watcher: FSWatcher = new Watcher({
    followSymlinks: false,
    ignoreInitial: true,
    depth: 0,
    // Ours to decide: chokidar would hold removals back, and has names of its own to leave out.
    atomic: false,
    ignored: (inside, stat) => {
      if (inside === path || stat === undefined) return false;
      // Who polls sees of a directory only that names came and went.
      return !watcher.options.usePolling || stat.isDirectory();
    },
  });
  const hint = (name: string | undefined): void => {
    // What says what is left out is itself left out.
    if (name !== undefined && name !== IGNORE_FILE) {
      const inside = directory === '' ? name : `${directory}/${name}`;
      if (isIgnored(inside, `${path}${sep}${name}`, false)) return;
    }
    onHint(directory, name);
  };
  watcher.on('raw', (_event, name) => hint(name ? basename(name) : undefined));
  watcher.on('all', (_event, inside) => hint(relative(path, inside) || undefined));
  watcher.on('error', onError);
  watcher.add(path);
  return watcher;
}
