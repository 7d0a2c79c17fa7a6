/**
 * Which port is which site's (mode D). Remembered in the data folder for good, and a port is never given to
 * another site: what a browser keeps for a port, a service worker above all, would be the other's.
 */

import { join } from 'node:path';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { makeDataDir } from '../mirror/data-dir.ts';
import { readTextIfThere, replaceSynced } from '../store/durable-file.ts';

/** Gives each site its port. */
export type SitePorts = {
  /**
   * Calls `open` with the port of a site: the one it has for good, else the next that is free, which is
   * remembered then.
   *
   * @throws {DrayerError} ADDRESS_IN_USE, saying what can be done; what `open` throws
   */
  open<T>(publicKey: Uint8Array, open: (port: number) => Promise<T>): Promise<T>;
};

const LAST_PORT = 65_535;

/**
 * Reads the ports of a data folder.
 *
 * @param first - the lowest port for sites that have none yet
 * @throws {DrayerError} CONFIG_INVALID when the file is not what was written
 */
export function openSitePorts(dataDir: string, first: number): SitePorts {
  const path = join(dataDir, 'site-ports.json');
  const ports = read(path);
  const write = (): void => {
    makeDataDir(dataDir);
    replaceSynced(path, `${JSON.stringify(Object.fromEntries(ports), undefined, 2)}\n`, 0o600);
  };
  return {
    open: async (publicKey, open) => {
      const id = formatStreamId(publicKey);
      const known = ports.get(id);
      if (known !== undefined) return openKnown(known, { id, path, open });
      for (let port = Math.max(first - 1, ...ports.values()) + 1; ; port += 1) {
        if (port > LAST_PORT) throw noneLeft(first);
        // Before anybody can come to it: from then on it is this site's.
        ports.set(id, port);
        write();
        try {
          return await open(port);
        } catch (error) {
          ports.delete(id);
          write();
          if (!isDrayerError(error, 'ADDRESS_IN_USE')) throw error;
        }
      }
    },
  };
}

async function openKnown<T>(
  port: number,
  { id, path, open }: { id: string; path: string; open: (port: number) => Promise<T> },
): Promise<T> {
  try {
    return await open(port);
  } catch (error) {
    if (!isDrayerError(error, 'ADDRESS_IN_USE')) throw error;
    const hint = `end that program, or give the site another port: remove ${id} from ${path}`;
    const message = `${error.message}; it is the port of the site ${id}, which has none now`;
    throw new DrayerError('ADDRESS_IN_USE', message, { hint, cause: error });
  }
}

function noneLeft(first: number): DrayerError {
  const message = `no port from ${first} to ${LAST_PORT} is left for this site`;
  return new DrayerError('USAGE', message, { hint: 'choose a lower --site-ports' });
}

function read(path: string): Map<string, number> {
  const text = readTextIfThere(path, 'the ports of sites');
  if (text === undefined) return new Map();
  const ports = parseJsonObject(text);
  if (ports === undefined || !arePorts(ports)) throw invalid(path);
  return new Map(Object.entries(ports));
}

function arePorts(
  fields: Readonly<Record<string, unknown>>,
): fields is Readonly<Record<string, number>> {
  return Object.values(fields).every((port) => {
    return Number.isInteger(port) && Number(port) > 0 && Number(port) <= LAST_PORT;
  });
}

function invalid(path: string): DrayerError {
  return new DrayerError('CONFIG_INVALID', `${path}: expected ids and ports`, {
    hint: 'if it is removed, sites get new ports; choose others than before with --site-ports',
  });
}
