/**
 * Makes a site that is there already ready to be published: a config, and a key that has signed
 * nothing. Of what is there, only a .gitignore may change.
 */
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import { guessOutput, OUTPUT_NAMES, type OutputGuess } from '../config/guess-output.ts';
import { checkNoConfig, writeConfig } from '../config/write-config.ts';
import { DrayerError } from '../core/errors.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { addToGitignore } from '../publish/gitignore.ts';
import { streamPathOf } from '../publish/site-directory.ts';
import {
  generateKeyPair,
  keyPathOf,
  publicKeyOf,
  readKeyFile,
  writeNewKey,
} from '../store/key-file.ts';

/** What {@link adoptSite} did. */
export type AdoptedSite = {
  /** The project, absolute. */
  readonly directory: string;
  /** The config that was written, absolute. */
  readonly configPath: string;
  /** The folder to publish, relative to the project, and why it is that one. */
  readonly output: OutputGuess;
  /** Base64. */
  readonly id: string;
  /** File of the secret key, absolute. */
  readonly keyPath: string;
  /** Whether the key was made just now; one that was there is kept. */
  readonly keyCreated: boolean;
  /** The .gitignore that was changed or made, if any. */
  readonly gitignoreUpdated: string | undefined;
};

/**
 * Adds config and key to a project.
 *
 * @param output - the folder to publish, relative to the project; guessed when undefined
 * @throws {DrayerError} DIRECTORY_NOT_FOUND when the project, or the folder that was named, is missing
 * @throws {DrayerError} USAGE when it has a config already, or the folder lies outside of it
 * @throws {DrayerError} INPUT_NEEDED when there is nothing to guess by
 * @throws {DrayerError} KEY_MODE, KEY_INVALID when there is a key that cannot be used
 */
export async function adoptSite(project: string, output?: string): Promise<AdoptedSite> {
  const directory = resolve(project);
  await checkFolder(directory);
  await checkNoConfig(directory);
  const chosen =
    output === undefined
      ? await chooseOutput(directory)
      : await namedOutput(directory, resolve(directory, output));
  const streamPath = streamPathOf(resolve(directory, chosen.output));
  const keyPath = keyPathOf(streamPath);
  const keyCreated = !existsSync(keyPath);
  const publicKey = keyCreated ? makeKey(keyPath) : publicKeyOf(readKeyFile(keyPath));
  const configPath = await writeConfig(directory, {
    directory: chosen.output,
    build: chosen.build,
  });
  return {
    directory,
    configPath,
    output: chosen,
    id: formatStreamId(publicKey),
    keyPath,
    keyCreated,
    gitignoreUpdated: addToGitignore(streamPath),
  };
}

function makeKey(keyPath: string): Uint8Array {
  const { publicKey, secretKey } = generateKeyPair();
  writeNewKey(keyPath, secretKey);
  return publicKey;
}

async function chooseOutput(directory: string): Promise<OutputGuess> {
  const guess = await guessOutput(directory);
  if (guess !== undefined) return guess;
  const looked = `nor in ${OUTPUT_NAMES.join(', ')}`;
  throw new DrayerError('INPUT_NEEDED', `${directory}: no index.html here, ${looked}`, {
    hint: 'name the folder that holds the finished site: drayer init --from-existing --output FOLDER',
  });
}

async function namedOutput(directory: string, folder: string): Promise<OutputGuess> {
  const output = relative(directory, folder).split(sep).join('/') || '.';
  if (output === '..' || output.startsWith('../') || resolve(directory, output) !== folder) {
    throw new DrayerError('USAGE', `${folder}: expected a folder inside ${directory}`, {
      hint: 'run drayer init in the folder that holds both',
    });
  }
  await checkFolder(folder);
  return { output, reason: 'it was named', build: undefined };
}

async function checkFolder(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found?.isDirectory()) return;
  const what = found === undefined ? 'no such folder' : 'is a file, not a folder';
  throw new DrayerError('DIRECTORY_NOT_FOUND', `${path}: ${what}`, {
    hint: 'name the folder your site is in',
  });
}
