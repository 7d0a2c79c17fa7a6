/** Which folders one `drayer publish` is about: the one that was named, or those of the config. */
import { resolve } from 'node:path';
import { parseLifetime } from '../config/lifetime.ts';
import type { Config, ConfiguredStream } from '../config/load-config.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { readKeyFile } from '../store/key-file.ts';
import type { GivenKey } from './given-key.ts';
import type { Site } from './publish-site.ts';

/** What was named instead of what the config says. */
export type SiteChoice = {
  readonly directory?: string | undefined;
  readonly streamPath?: string | undefined;
  readonly key?: GivenKey | undefined;
  /** See {@link Site.unusedKey}. */
  readonly unusedKey?: boolean | undefined;
  /** See {@link Site.to}. */
  readonly to?: string | undefined;
};

/**
 * Chooses the sites to publish. What the config says of a folder holds for it also when the folder
 * is named, but for its build: a folder that is named is published as it is.
 *
 * @throws {DrayerError} USAGE, CONFIG_INVALID when there is nothing to publish
 * @throws {DrayerError} USAGE when one stream file or key is given for several folders
 * @throws {DrayerError} KEY_NOT_FOUND, KEY_MODE, KEY_INVALID for a configured key file
 */
export function chooseSites(config: Config, choice: SiteChoice): Site[] {
  const { streamPath, key, unusedKey } = choice;
  const wanted = choice.directory === undefined ? undefined : resolve(choice.directory);
  const named = config.streams.flatMap(({ directory, ...entry }) => {
    const isMeant = directory !== undefined && (wanted ?? directory) === directory;
    return isMeant ? [{ directory, ...entry }] : [];
  });
  const isNew = named.length === 0 && wanted !== undefined;
  const entries = isNew ? [{ directory: wanted, path: undefined, keyFile: undefined }] : named;
  if (entries.length === 0) throw nothingToPublish(config.file);
  if (entries.length > 1 && (streamPath ?? key) !== undefined) {
    const message = `one stream file or key cannot be for ${entries.length} folders`;
    throw new DrayerError('USAGE', message, {
      hint: 'name the folder it is for: drayer publish DIR',
    });
  }
  return entries.map(({ directory, path, keyFile, build, servers, to }: Entry) => ({
    directory,
    servers,
    build: wanted === undefined ? build : undefined,
    streamPath: streamPath ?? path,
    ...(key ?? configuredKey(keyFile)),
    unusedKey,
    lifetimeMicros: config.expires === undefined ? undefined : parseLifetime(config.expires),
    to: choice.to ?? to,
  }));
}

type Entry = Pick<ConfiguredStream, 'path' | 'keyFile' | 'build' | 'servers' | 'to'> & {
  readonly directory: string;
};

function configuredKey(keyFile: string | undefined): GivenKey | undefined {
  if (keyFile === undefined) return undefined;
  try {
    return { secretKey: readKeyFile(keyFile), keyPath: keyFile };
  } catch (cause) {
    if (!isDrayerError(cause, 'KEY_NOT_FOUND')) throw cause;
    const hint = `copy the key there, or make a new one: drayer key new ${keyFile}`;
    throw new DrayerError('KEY_NOT_FOUND', cause.message, { cause, hint });
  }
}

function nothingToPublish(file: string | undefined): DrayerError {
  if (file !== undefined) {
    return new DrayerError('CONFIG_INVALID', `${file}: names no folder to publish`, {
      hint: "add directory: 'site', or name the folder: drayer publish DIR",
    });
  }
  return new DrayerError('USAGE', 'which folder? There is no drayer.config.ts here to say so', {
    hint: 'drayer publish DIR, or drayer init to start a site',
  });
}
