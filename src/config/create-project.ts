/**
 * Starts a site from a template: copies a folder of templates/ and gives `_gitignore` its dot back
 * (npm leaves out files of that name when it packs). Never overwrites unless told to.
 */
import { constants, copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { DrayerError } from '../core/errors.ts';
import { CONFIG_NAMES } from './load-config.ts';
import { makeFolder } from './make-folder.ts';
import { ABOUT_FILE, findTemplate, type Template } from './templates.ts';

/** Options of {@link createProject}. */
export type CreateProjectOptions = {
  /** Name of the template. Default: `page`. */
  readonly template?: string | undefined;
  /** What the site is called. Default: the name that the template's sample bears. */
  readonly name?: string | undefined;
  /** Also into a folder that is not empty; files of the same name are replaced. */
  readonly force?: boolean | undefined;
};

/** What {@link createProject} did. */
export type CreatedProject = {
  /** Absolute path of the folder. */
  readonly directory: string;
  /** Name of the template. */
  readonly template: string;
  /** Paths of the copied files in it, `/`-separated, sorted. */
  readonly files: readonly string[];
};

/**
 * Copies a template into `directory`, which is made if it is missing.
 *
 * @throws {DrayerError} USAGE when there is no such template, the name is empty, the folder is not
 *   empty, or a file is in its place
 * @throws {DrayerError} STORAGE_FAILED when the folder cannot be made
 */
export async function createProject(
  directory: string,
  options: CreateProjectOptions = {},
): Promise<CreatedProject> {
  const { template: templateName = 'page', name, force = false } = options;
  const target = resolve(directory);
  const template = await findTemplate(templateName);
  if (name !== undefined && !isSiteName(name)) {
    throw new DrayerError('USAGE', `the name ${JSON.stringify(name)}: expected a line of text`);
  }
  await checkTarget(target, force);
  await makeFolder(target);
  const files = (await listFiles(template.folder)).filter((file) => file !== ABOUT_FILE);
  for (const file of files) {
    const to = join(target, targetName(file));
    await makeFolder(dirname(to));
    await copyFile(join(template.folder, file), to, force ? 0 : constants.COPYFILE_EXCL);
    if (name !== undefined) await rename(to, template, name);
  }
  const copied = files.map((file) => targetName(file).replaceAll('\\', '/')).sort();
  return { directory: target, template: template.name, files: copied };
}

/** Tells whether a text can be the name of a site: one line with something to see in it. */
export function isSiteName(text: string): boolean {
  return text.trim() !== '' && text.length <= 200 && !/\p{Cc}/u.test(text);
}

/** Why a template cannot be put into a folder. */
export type Obstacle = {
  readonly kind: 'file' | 'not-empty';
  readonly message: string;
  readonly hint: string;
};

/**
 * Tells why a template cannot be put into a folder.
 *
 * @returns undefined for a folder that is empty, holds a fresh repository, or is not there yet
 */
export async function findObstacle(directory: string): Promise<Obstacle | undefined> {
  const target = resolve(directory);
  let present: string[] = [];
  try {
    present = await readdir(target);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOTDIR') {
      const hint = 'choose another name for the folder';
      return { kind: 'file', message: `${target}: is a file, not a folder`, hint };
    }
    if (code !== 'ENOENT') throw error;
  }
  // A fresh `git init` is what many folders start as; nothing of a template lies in there.
  if (present.every((name) => name === '.git')) return undefined;
  const hasConfig = present.some((name) => CONFIG_NAMES.includes(name));
  const hint = hasConfig ? HINT_STARTED : HINT_NOT_EMPTY;
  return { kind: 'not-empty', message: `${target}: the folder is not empty`, hint };
}

const HINT_STARTED =
  'it has a drayer.config already: drayer publish; or name a new folder for another site';
const HINT_NOT_EMPTY =
  'to publish the site that is in it, add --from-existing; else name a new folder, or add --force to put the template beside what is there';

async function checkTarget(target: string, force: boolean): Promise<void> {
  const obstacle = await findObstacle(target);
  if (obstacle === undefined || (force && obstacle.kind === 'not-empty')) return;
  throw new DrayerError('USAGE', obstacle.message, { hint: obstacle.hint });
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

function targetName(file: string): string {
  return file.replace(/(^|[\\/])_gitignore$/, '$1.gitignore');
}

/** Files in which a template's sample says its name, and whether it is written as HTML there. */
const NAMING: Readonly<Record<string, 'markup' | 'plain'>> = {
  '.html': 'markup',
  '.xml': 'markup',
  '.svg': 'markup',
  '.md': 'plain',
};

async function rename(file: string, { title }: Template, name: string): Promise<void> {
  const kind = NAMING[extname(file)];
  if (kind === undefined) return;
  const before = await readFile(file, 'utf8');
  const written = kind === 'plain' ? name : escapeMarkup(name);
  const after = before
    // Not a replacement string: a name may hold $&.
    .replaceAll(title, () => written)
    .replace(/(?<="--length: )\d+(?=")/, String(lineLength(name)));
  if (after !== before) await writeFile(file, after);
}

/** How many letters the longest line of a name has, when it is set in two lines at most. */
function lineLength(name: string): number {
  const longestWord = Math.max(...name.split(/\s+/).map((word) => [...word].length));
  const half = Math.ceil([...name].length / 2);
  return Math.max(longestWord, Math.min([...name].length, Math.max(half, 7)));
}

function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
