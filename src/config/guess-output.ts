/**
 * Guesses which folder of a project holds the finished site: by what the generator at work is known to
 * write to, else by the names such folders have. A guess is always told, never just acted on.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** A guess at where the site of a project is. */
export type OutputGuess = {
  /** Relative to the project, `.` for the project itself; `/`-separated. */
  readonly output: string;
  /** Why it is thought to be that one, to be read after the name: `it has an index.html`. */
  readonly reason: string;
  /** Whether the folder is there now; a generator may not have run yet. */
  readonly isThere: boolean;
};

/** A site generator: the files by which it is known, and where it writes to by itself. */
type Generator = {
  readonly name: string;
  readonly files: RegExp;
  readonly output: string;
};

// Those first that others are built on: an Astro project has a Vite config more often than the reverse.
const GENERATORS: readonly Generator[] = [
  { name: 'Astro', files: /^astro\.config\.[cm]?[jt]s$/, output: 'dist' },
  { name: 'Eleventy', files: /^(\.eleventy|eleventy\.config)\.[cm]?[jt]s$/, output: '_site' },
  { name: 'VitePress', files: /^\.vitepress$/, output: '.vitepress/dist' },
  { name: 'Docusaurus', files: /^docusaurus\.config\.[cm]?[jt]s$/, output: 'build' },
  { name: 'Gatsby', files: /^gatsby-config\.[cm]?[jt]s$/, output: 'public' },
  { name: 'Next.js', files: /^next\.config\.[cm]?[jt]s$/, output: 'out' },
  { name: 'SvelteKit', files: /^svelte\.config\.[cm]?[jt]s$/, output: 'build' },
  { name: 'Vite', files: /^vite\.config\.[cm]?[jt]s$/, output: 'dist' },
  { name: 'Hugo', files: /^hugo\.(toml|ya?ml|json)$/, output: 'public' },
  { name: 'Jekyll', files: /^_config\.ya?ml$/, output: '_site' },
  { name: 'MkDocs', files: /^mkdocs\.ya?ml$/, output: 'site' },
  { name: 'mdBook', files: /^book\.toml$/, output: 'book' },
  { name: 'Zola', files: /^zola\.toml$/, output: 'public' },
];

/**
 * Names of finished sites. What a build makes comes before what people write: with a `dist`, a
 * `public` is often what goes into the build.
 */
export const OUTPUT_NAMES: readonly string[] = [
  'dist',
  '_site',
  'build',
  'out',
  'public',
  'site',
  'www',
  'html',
  'docs',
];

/**
 * Guesses the folder to publish.
 *
 * @param directory - the project, which must be there
 * @returns undefined where neither a generator nor an index.html is found
 */
export async function guessOutput(directory: string): Promise<OutputGuess | undefined> {
  const root = resolve(directory);
  const names = await readdir(root);
  const generator = GENERATORS.find(({ files }) => names.some((name) => files.test(name)));
  if (generator !== undefined) {
    const { name, output } = generator;
    const isThere = await hasIndex(join(root, output));
    return { output, reason: `${name} writes to it`, isThere };
  }
  for (const output of OUTPUT_NAMES) {
    if (!names.includes(output) || !(await hasIndex(join(root, output)))) continue;
    return { output, reason: 'it has an index.html', isThere: true };
  }
  if (await hasIndex(root)) {
    return { output: '.', reason: 'the folder itself has an index.html', isThere: true };
  }
  return undefined;
}

/** Returns how a project is built, where its package.json says so: `npm run build`. */
export async function findBuildCommand(directory: string): Promise<string | undefined> {
  let manifest: unknown;
  try {
    manifest = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || isMissing(error)) return undefined;
    throw error;
  }
  const { scripts } = (manifest ?? {}) as { scripts?: { build?: unknown } };
  return typeof scripts?.build === 'string' ? 'npm run build' : undefined;
}

async function hasIndex(folder: string): Promise<boolean> {
  try {
    return (await stat(join(folder, 'index.html'))).isFile();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
