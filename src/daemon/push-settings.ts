/** What a server that takes pushes goes by: the config, the environment and the file of `drayer allow`. */
import type { PushConfig } from '../config/push-config.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { parseStreamId } from '../core/stream-id.ts';
import type { PushOptions } from '../server/push.ts';
import { allowListOf, readKeyList, watchKeyList } from '../store/key-list.ts';

/** Whether anybody may push now: by the config, or by `drayer allow`. */
export function isAnybodyAllowed({ allow = [] }: PushConfig, dataDir: string): boolean {
  return allow.length > 0 || readKeyList(allowListOf(dataDir)).length > 0;
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
    isAllowed: watchKeyList(allowListOf(dataDir), allow.map(parseConfigured)),
    quota,
    token: environment['DRAYER_PUSH_TOKEN'] || token,
    address,
  };
}

function parseConfigured(text: string, index: number): Uint8Array {
  try {
    return parseStreamId(text);
  } catch (cause) {
    if (!isDrayerError(cause, 'STREAM_ID_INVALID')) throw cause;
    throw new DrayerError('CONFIG_INVALID', `push.allow[${index}]: ${cause.message}`, { cause });
  }
}
