/** What a server that takes pushes goes by: the config, the environment and the file of `drayer allow`. */
import type { PushConfig } from '../config/config-schema.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import { makeDataDir } from '../mirror/data-dir.ts';
import type { PushOptions } from '../server/push.ts';
import { allowPathOf, readAllowed, watchAllowed, writeAllowed } from '../store/push-allow.ts';

/** Whether anybody may push now: by the config, or by `drayer allow`. */
export function isAnybodyAllowed({ allow = [] }: PushConfig, dataDir: string): boolean {
  return allow.length > 0 || readAllowed(allowPathOf(dataDir)).length > 0;
}

/**
 * Returns the options of a server's pushes. Who is allowed is looked up anew with each push.
 *
 * @param environment - `process.env`; read is DRAYER_PUSH_TOKEN, before the config
 * @throws {DrayerError} CONFIG_INVALID when a key of the config is none
 */
export function pushOptionsOf(
  { allow = [], quota, token, address }: PushConfig,
  dataDir: string,
  environment: Readonly<Record<string, string | undefined>>,
): PushOptions {
  return {
    dataDir,
    isAllowed: watchAllowed(allowPathOf(dataDir), allow.map(parseConfigured)),
    quota,
    token: environment['DRAYER_PUSH_TOKEN'] || token,
    address,
  };
}

/** The ids of `drayer allow`, base64. */
export function listAllowed(dataDir: string): string[] {
  return readAllowed(allowPathOf(dataDir));
}

/**
 * Adds a key to those that may push, or takes it out.
 *
 * @param key - in any spelling
 * @returns the id, base64, and whether anything changed
 * @throws {DrayerError} STREAM_ID_INVALID
 */
export function changeAllowed(
  dataDir: string,
  key: string,
  wish: 'add' | 'remove',
): { readonly id: string; readonly changed: boolean } {
  const id = formatStreamId(parseStreamId(key));
  const before = listAllowed(dataDir);
  const changed = before.includes(id) !== (wish === 'add');
  if (!changed) return { id, changed };
  makeDataDir(dataDir);
  const others = before.filter((one) => one !== id);
  writeAllowed(allowPathOf(dataDir), wish === 'add' ? [...others, id] : others);
  return { id, changed };
}

function parseConfigured(text: string, index: number): Uint8Array {
  try {
    return parseStreamId(text);
  } catch (cause) {
    if (!isDrayerError(cause, 'STREAM_ID_INVALID')) throw cause;
    throw new DrayerError('CONFIG_INVALID', `push.allow[${index}]: ${cause.message}`, { cause });
  }
}
