/** The templates that come with the program: their names, what each is, and the name its sample bears. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DrayerError } from '../core/errors.ts';

/** A template. */
export type Template = {
  readonly name: string;
  /** What kind of site it starts, in half a sentence. */
  readonly about: string;
  /** What the sample site calls itself; replaced by the name of the project. */
  readonly title: string;
  /** Absolute path of its folder. */
  readonly folder: string;
};

/** The file that describes a template; the only one that is not copied. */
export const ABOUT_FILE = '_template.json';

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
 * Reads what a template says of itself.
 *
 * @throws {DrayerError} USAGE when there is no template of that name; the hint lists those there are
 */
export async function findTemplate(name: string): Promise<Template> {
  const names = await listTemplates();
  if (!names.includes(name)) {
    throw new DrayerError('USAGE', `no template ${JSON.stringify(name)}`, {
      hint: `there are ${names.join(', ')}`,
    });
  }
  const folder = join(TEMPLATES, name);
  const { about, title } = JSON.parse(await readFile(join(folder, ABOUT_FILE), 'utf8')) as {
    about: string;
    title: string;
  };
  return { name, about, title, folder };
}
