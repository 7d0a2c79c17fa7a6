/** Keeps a stream's private key out of git: adds it to a .gitignore, unless git ignores it already. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, sep } from 'node:path';
import { isErrno } from '../store/durable-file.ts';
import { keyPathOf } from '../store/key-file.ts';

/**
 * Adds a stream and its key to the .gitignore of their directory, if that is in a git repository or has
 * a .gitignore, and git would not ignore the key. A stream alone that is not ignored is somebody's choice.
 *
 * @param streamPath - absolute
 * @returns the path of the .gitignore that was changed or made, undefined when none was
 */
export function addToGitignore(streamPath: string): string | undefined {
  const directory = dirname(streamPath);
  const path = join(directory, '.gitignore');
  const repository = findRepository(directory);
  if (repository === undefined && !existsSync(path)) return undefined;
  const name = `/${escapePattern(basename(streamPath))}`;
  const old = readIfThere(path);
  if (old.split(/\r?\n/).includes(keyPathOf(name))) return undefined;
  if (isIgnored(keyPathOf(streamPath), repository ?? directory)) return undefined;

  const lines = [name, keyPathOf(name), `${name}.*`, `${name}-*`];
  const newline = old === '' || old.endsWith('\n') ? '' : '\n';
  appendFileSync(path, `${newline}# the stream and its private key\n${lines.join('\n')}\n`);
  return path;
}

/** The nearest directory upwards that holds a .git, which is a file in worktrees and submodules. */
function findRepository(directory: string): string | undefined {
  for (let at = directory; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at;
    if (dirname(at) === at) return undefined;
  }
}

// Every .gitignore from the repository's root down to the file counts, the nearest most.
function isIgnored(path: string, root: string): boolean {
  // Loaded when it is needed: at most once in a site's life.
  const ignore: typeof import('ignore') = createRequire(import.meta.url)('ignore');
  let isIgnoredSoFar = false;
  for (const directory of directoriesBetween(root, dirname(path))) {
    const rules = ignore().add(readIfThere(join(directory, '.gitignore')));
    const { ignored, unignored } = rules.test(relative(directory, path).split(sep).join('/'));
    if (ignored || unignored) isIgnoredSoFar = ignored;
  }
  return isIgnoredSoFar;
}

function directoriesBetween(root: string, directory: string): string[] {
  const above = directory === root ? [] : directoriesBetween(root, dirname(directory));
  return [...above, directory];
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  }
}

// What .gitignore would take for a pattern.
function escapePattern(name: string): string {
  return name.replace(/[\\*?[\]!#]/g, '\\$&').replace(/ $/, '\\ ');
}
