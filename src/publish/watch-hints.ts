/**
 * Hints that something in a directory may have changed, from chokidar. It watches the directories
 * alone: what happens to a file shows in its directory's own events, so a site of 10,000 files needs a
 * hundred watches, not ten thousand, and is watched three times sooner, in half the memory. No watcher
 * sees into a directory that was removed and made anew in a moment; this one can be told to, which a
 * recursive fs.watch cannot.
 */
import { isAbsolute, relative, sep } from 'node:path';
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
  /** Watches directories anew that took the place of others: the old watch went with the old one. */
  rearm(directories: readonly string[]): void;
  /** Idempotent. */
  close(): Promise<void>;
};

/** Makes a source of hints; resolves when it sees everything. */
export type OpenHints = (options: HintOptions) => Promise<Hints>;

/** Watches with chokidar. CHOKIDAR_USEPOLLING makes it poll, for disks that tell of no changes. */
export const openHints: OpenHints = async ({ root, isIgnored, onHint, onError }) => {
  const chokidar = await import('chokidar');
  const siteOf = (path: string): string => relative(root, path).split(sep).join('/');
  const watcher: FSWatcher = new chokidar.FSWatcher({
    followSymlinks: false,
    ignoreInitial: true,
    // Ours to decide: chokidar would hold removals back, and has names of its own to leave out.
    atomic: false,
    ignored: (path, stat) => {
      if (path === root || stat === undefined) return false;
      if (stat.isDirectory()) return isIgnored(siteOf(path), path, true);
      // Who polls sees of a directory only that names came and went.
      return !watcher.options.usePolling || isIgnored(siteOf(path), path, false);
    },
  });
  const hint = (directory: string, name: string | undefined): void => {
    const path = siteOf(directory);
    if (path === '..' || path.startsWith('../') || isAbsolute(path)) return;
    // Itself left out, it says what is.
    if (name !== undefined && name !== IGNORE_FILE) {
      const inside = path === '' ? name : `${path}/${name}`;
      if (isIgnored(inside, `${directory}${sep}${name}`, false)) return;
    }
    onHint(path, name);
  };
  watcher.on('raw', (_event, name, details) => {
    const { watchedPath } = details as { watchedPath?: string };
    if (watchedPath !== undefined) hint(watchedPath, name ?? undefined);
  });
  watcher.on('all', (_event, path) => {
    hint(`${path}${sep}..`, undefined);
    hint(path, undefined);
  });
  watcher.on('error', onError);
  const ready = new Promise<void>((resolve) => watcher.once('ready', resolve));
  watcher.add(root);
  await ready;
  return {
    rearm: (directories) => {
      for (const directory of directories) {
        const path = directory === '' ? root : `${root}${sep}${directory.split('/').join(sep)}`;
        watcher.unwatch(path);
        watcher.add(path);
      }
    },
    close: () => watcher.close(),
  };
};
