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
  /** The command that makes it, where a generator is at work: `npm run build`. */
  readonly build: string | undefined;
};

/** A site generator: the files by which it is known, where it writes to by itself, how it is run. */
type Generator = {
  readonly name: string;
  readonly files: RegExp;
  readonly output: string;
  readonly command: string;
};

// Those first that others are built on: an Astro project has a Vite config more often than the reverse.
const GENERATORS: readonly Generator[] = [
  {
    name: 'Astro',
    files: /^astro\.config\.[cm]?[jt]s$/,
    output: 'dist',
    command: 'npx astro build',
  },
  {
    name: 'Eleventy',
    files: /^(\.eleventy|eleventy\.config)\.[cm]?[jt]s$/,
    output: '_site',
    command: 'npx @11ty/eleventy',
  },
  {
    name: 'VitePress',
    files: /^\.vitepress$/,
    output: '.vitepress/dist',
    command: 'npx vitepress build',
  },
  {
    name: 'Docusaurus',
    files: /^docusaurus\.config\.[cm]?[jt]s$/,
    output: 'build',
    command: 'npx docusaurus build',
  },
  {
    name: 'Gatsby',
    files: /^gatsby-config\.[cm]?[jt]s$/,
    output: 'public',
    command: 'npx gatsby build',
  },
  {
    name: 'Next.js',
    files: /^next\.config\.[cm]?[jt]s$/,
    output: 'out',
    command: 'npx next build',
  },
  {
    name: 'SvelteKit',
    files: /^svelte\.config\.[cm]?[jt]s$/,
    output: 'build',
    command: 'npx vite build',
  },
  { name: 'Vite', files: /^vite\.config\.[cm]?[jt]s$/, output: 'dist', command: 'npx vite build' },
  { name: 'Hugo', files: /^hugo\.(toml|ya?ml|json)$/, output: 'public', command: 'hugo' },
  {
    name: 'Jekyll',
    files: /^_config\.ya?ml$/,
    output: '_site',
    command: 'bundle exec jekyll build',
  },
  { name: 'MkDocs', files: /^mkdocs\.ya?ml$/, output: 'site', command: 'mkdocs build' },
  { name: 'mdBook', files: /^book\.toml$/, output: 'book', command: 'mdbook build' },
  { name: 'Zola', files: /^zola\.toml$/, output: 'public', command: 'zola build' },
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
    const { name, output, command } = generator;
    const build = (await findBuildScript(root)) ?? command;
    return { output, reason: `${name} writes to it`, build };
  }
  for (const output of OUTPUT_NAMES) {
    if (!names.includes(output) || !(await hasIndex(join(root, output)))) continue;
    return { output, reason: 'it has an index.html', build: undefined };
  }
  if (!(await hasIndex(root))) return undefined;
  return { output: '.', reason: 'it has an index.html', build: undefined };
}

/** How a project is built, where its package.json says so. */
async function findBuildScript(directory: string): Promise<string | undefined> {
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
