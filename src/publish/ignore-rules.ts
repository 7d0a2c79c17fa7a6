/**
 * What a walk leaves out: names never published, the stream's own files, litter, and what the patterns
 * of the site's owner say, in the config and in `.drayerignore` files.
 *
 * As in git, the last pattern that matches decides, deeper files come after those above them, and
 * nothing in a directory that is left out can be brought back.
 */
import { lstatSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Ignore } from 'ignore';
import { isErrno } from '../store/durable-file.ts';
import { isLitter, mayBeLitter } from './litter.ts';
import { isNeverPublished, mayBeSecret } from './never-published.ts';
import type { PublishFault } from './publish-fault.ts';

/** The file of patterns for the directory it lies in and those below. */
export const IGNORE_FILE = '.drayerignore';

/** Decides about the paths of one site. */
export type IgnoreRules = {
  /**
   * Reads the file of patterns of a directory, if it has one. To be called before anything in it is
   * asked about, above before below.
   *
   * @param sitePath - relative to the site, `/`-separated; empty for the site itself
   * @param diskPath - absolute
   * @param names - what is in it
   */
  enter(sitePath: string, diskPath: string, names: readonly string[]): Entered;
  /**
   * Says why a path is left out, undefined when it is published.
   *
   * @param sitePath - relative to the site, `/`-separated
   * @param diskPath - absolute
   * @param isDirectory - a directory left out is not walked
   */
  reasonFor(sitePath: string, diskPath: string, isDirectory: boolean): string | undefined;
};

/** What {@link IgnoreRules.enter} found out about a directory. */
export type Entered = {
  /** What is wrong with its file of patterns. */
  readonly fault: PublishFault | undefined;
  /** False where nothing that is in it is left out: nobody has to ask. */
  readonly isAsked: boolean;
};

/** What {@link makeIgnoreRules} takes. */
export type IgnoreOptions = {
  /** In the syntax of .gitignore, relative to the site. */
  readonly patterns?: readonly string[] | undefined;
  /** Absolute paths of the stream's own files, wherever it was put. */
  readonly ownFiles?: readonly string[] | undefined;
};

/** Patterns, and the directory they are relative to: empty, or with a slash at its end. */
type Level = { readonly directory: string; readonly patterns: Ignore; readonly isFile: boolean };

/** Makes the rules of one walk. */
export function makeIgnoreRules(options: IgnoreOptions = {}): IgnoreRules {
  const { patterns = [], ownFiles = [] } = options;
  const own = new Set(ownFiles);
  const levels: Level[] = [];
  if (patterns.length > 0) {
    levels.push({ directory: '', patterns: patternsOf([...patterns]), isFile: false });
  }
  return {
    enter(sitePath, diskPath, names) {
      const directory = sitePath === '' ? '' : `${sitePath}/`;
      const old = levels.findIndex((level) => level.isFile && level.directory === directory);
      if (old >= 0) levels.splice(old, 1);
      const lines = names.join('\n');
      const hasFile = names.includes(IGNORE_FILE);
      const fault = hasFile ? readLevel(directory, diskPath, levels) : undefined;
      const hasRules = levels.length > 0 || own.size > 0;
      // The file of patterns is left out, and begins with a dot as secrets do.
      return { fault, isAsked: hasRules || mayBeSecret(lines) || mayBeLitter(lines) };
    },
    reasonFor(sitePath, diskPath, isDirectory) {
      const name = sitePath.slice(sitePath.lastIndexOf('/') + 1);
      if (isNeverPublished(name)) return 'never published';
      if (own.size > 0 && own.has(diskPath)) return 'part of the stream itself';
      if (name === IGNORE_FILE) return 'ignored by default';
      const verdict = levels.length === 0 ? undefined : verdictOf(sitePath, isDirectory, levels);
      if (verdict !== undefined) return verdict ? 'ignored' : undefined;
      return isLitter(name, isDirectory) ? 'ignored by default' : undefined;
    },
  };
}

/**
 * Makes a matcher of site paths.
 *
 * @param patterns - in the syntax of .gitignore
 */
export function makePathMatcher(patterns: readonly string[]): (sitePath: string) => boolean {
  const matcher = patternsOf([...patterns]);
  return (sitePath) => matcher.ignores(sitePath);
}

function readLevel(directory: string, diskPath: string, levels: Level[]): PublishFault | undefined {
  const path = `${directory}${IGNORE_FILE}`;
  const file = join(diskPath, IGNORE_FILE);
  try {
    // A link or a pipe: what it says is not part of the site, or takes for ever.
    if (!lstatSync(file).isFile()) {
      return { path, code: 'FILE_UNREADABLE', message: 'expected a regular file of patterns' };
    }
    const text = readFileSync(file, 'utf8').replace(/^\ufeff/, '');
    levels.push({ directory, patterns: patternsOf(text), isFile: true });
    // Read again later, one above would come after those below. Equal ones stay as they are.
    levels.sort((a, b) => a.directory.length - b.directory.length);
    return undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    const message = error instanceof Error ? error.message : String(error);
    return { path, code: 'FILE_UNREADABLE', message };
  }
}

/** True: left out; false: brought back; undefined: no pattern speaks of it. */
function verdictOf(
  sitePath: string,
  isDirectory: boolean,
  levels: readonly Level[],
): boolean | undefined {
  let verdict: boolean | undefined;
  // The shorter before the longer: above before below.
  for (const { directory, patterns } of levels) {
    if (!sitePath.startsWith(directory)) continue;
    const path = sitePath.slice(directory.length);
    if (path === '') continue;
    const { ignored, unignored } = patterns.test(isDirectory ? `${path}/` : path);
    if (ignored || unignored) verdict = ignored;
  }
  return verdict;
}

// Loaded and asked only where somebody gave patterns: it costs more than the rest of the walk.
function patternsOf(patterns: string | string[]): Ignore {
  const ignore: typeof import('ignore') = createRequire(import.meta.url)('ignore');
  return ignore().add(patterns);
}
