/** Writes a drayer.config.ts for a site that is there already. */
import { stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DrayerError } from '../core/errors.ts';
import { CONFIG_NAMES } from './load-config.ts';

/** What {@link writeConfig} writes down. */
export type NewConfig = {
  /** Folder to publish, relative to the config, `/`-separated; `.` is the config's own. */
  readonly directory: string;
  /** The command that makes the folder, if one does. */
  readonly build?: string | undefined;
};

/**
 * Writes a config into a folder.
 *
 * @returns its path, absolute
 * @throws {DrayerError} USAGE when there is a config already; it is not touched
 */
export async function writeConfig(folder: string, config: NewConfig): Promise<string> {
  await checkNoConfig(folder);
  const file = join(resolve(folder), 'drayer.config.ts');
  await writeFile(file, configText(resolve(folder), config), { flag: 'wx' });
  return file;
}

/**
 * Checks that a folder has no config yet.
 *
 * @throws {DrayerError} USAGE when it has one
 */
export async function checkNoConfig(folder: string): Promise<void> {
  for (const name of CONFIG_NAMES) {
    const file = join(resolve(folder), name);
    if (!(await isThere(file))) continue;
    throw new DrayerError('USAGE', `${file}: there is a config already`, {
      hint: 'drayer publish uses it; change it by hand, or move it away first',
    });
  }
}

async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

function configText(folder: string, { directory, build }: NewConfig): string {
  const isItself = directory === '.';
  const name = basename(isItself ? folder : directory);
  const what =
    build === undefined
      ? `  // The folder to publish.
  directory: ${quoted(directory)},
`
      : `  // What \`drayer publish\` runs first, and the folder it writes, which is what is published.
  build: { command: ${quoted(build)}, output: ${quoted(directory)} },
`;
  const ignore = isItself
    ? `
  // What belongs to the project and not to the site.
  ignore: ['/README.md', '/package.json', '/package-lock.json'],
`
    : '';
  return `import { defineConfig } from 'drayer';

export default defineConfig({
${what}  // The stream and its key lie beside that folder.
${ignore}
  // Serve this one at http://127.0.0.1:33125/ and not only under its own name.
  site: ${quoted(name)},

  // Let other machines on the network in as well.
  // lan: true,
});
`;
}

function quoted(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
