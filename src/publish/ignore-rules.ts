/** What a walk leaves out: names never published, the stream's own files, and patterns of the site's owner. */
import { isNeverPublished } from './never-published.ts';

/** Decides about one path of the site. */
export type IgnoreRules = {
  /**
   * Says why a path is left out, undefined when it is published.
   *
   * @param sitePath - relative to the site, `/`-separated
   * @param diskPath - absolute
   * @param isDirectory - a directory left out is not walked
   */
  reasonFor(sitePath: string, diskPath: string, isDirectory: boolean): string | undefined;
};

/** What {@link ignoreRules} takes. */
export type IgnoreOptions = {
  /** In the syntax of .gitignore. */
  readonly patterns?: readonly string[] | undefined;
  /** Absolute paths of the stream's own files, wherever it was put. */
  readonly ownFiles?: readonly string[] | undefined;
};

/** Makes the rules of one walk. */
export async function makeIgnoreRules(options: IgnoreOptions = {}): Promise<IgnoreRules> {
  const { patterns = [], ownFiles = [] } = options;
  const own = new Set(ownFiles);
  const ignores = patterns.length === 0 ? undefined : await matcherOf(patterns);
  return {
    reasonFor(sitePath, diskPath, isDirectory) {
      const name = sitePath.slice(sitePath.lastIndexOf('/') + 1);
      if (isNeverPublished(name)) return 'never published';
      if (own.has(diskPath)) return 'part of the stream itself';
      if (ignores?.(isDirectory ? `${sitePath}/` : sitePath)) return 'ignored';
      return undefined;
    },
  };
}

// Loaded and asked only where somebody gave patterns: it costs more than the rest of the walk.
async function matcherOf(patterns: readonly string[]): Promise<(path: string) => boolean> {
  const { default: ignore } = await import('ignore');
  const matcher = ignore().add([...patterns]);
  return (path) => matcher.ignores(path);
}
