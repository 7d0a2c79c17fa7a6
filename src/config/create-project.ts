/**
 * Starts a site from a template: copies a folder of templates/ and gives `_gitignore` its dot back
 * (npm leaves out files of that name when it packs). Never overwrites unless told to.
 */
import { constants, copyFile, mkdir, readdir } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DrayerError } from '../core/errors.ts';

/** Options of {@link createProject}. */
export type CreateProjectOptions = {
  /** Name of the template. Default: `page`. */
  readonly template?: string | undefined;
  /** Also into a folder that is not empty; files of the same name are replaced. */
  readonly force?: boolean | undefined;
};

/** What {@link createProject} did. */
export type CreatedProject = {
  /** Absolute path of the folder. */
  readonly directory: string;
  /** Paths of the copied files in it, `/`-separated, sorted. */
  readonly files: readonly string[];
};

// The same distance from src/config and from dist/config.
const TEMPLATES = fileURLToPath(new URL('../../templates', import.meta.url));

/** Lists the names of the templates. */
export async function listTemplates(): Promise<string[]> {
  const entries = await readdir(TEMPLATES, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

/**
 * Copies a template into `directory`, which is made if it is missing.
 *
 * @throws {DrayerError} USAGE when there is no such template, the folder is not empty, or a file is
 *   in its place
 */
export async function createProject(
  directory: string,
  options: CreateProjectOptions = {},
): Promise<CreatedProject> {
  const { template = 'page', force = false } = options;
  const target = resolve(directory);
  const names = await listTemplates();
  if (!names.includes(template)) {
    throw new DrayerError('USAGE', `no template ${JSON.stringify(template)}`, {
      hint: `there is ${names.join(', ')}`,
    });
  }
  await checkTarget(target, force);
  const source = join(TEMPLATES, template);
  const files = await listFiles(source);
  for (const file of files) {
    const to = join(target, targetName(file));
    await mkdir(dirname(to), { recursive: true });
    await copyFile(join(source, file), to, force ? 0 : constants.COPYFILE_EXCL);
  }
  return { directory: target, files: files.map((f) => targetName(f).replaceAll('\\', '/')).sort() };
}

async function checkTarget(target: string, force: boolean): Promise<void> {
  let present: string[] = [];
  try {
    present = await readdir(target);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOTDIR') throw new DrayerError('USAGE', `${target}: is a file, not a folder`);
    if (code !== 'ENOENT') throw error;
  }
  // A fresh `git init` is what many folders start as; nothing of a template lies in there.
  if (force || present.every((name) => name === '.git')) return;
  throw new DrayerError('USAGE', `${target}: the folder is not empty`, {
    hint: 'name a new folder, or add --force to put the template beside what is there',
  });
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
