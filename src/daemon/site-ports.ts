/**
 * Which port is which site's (mode D). Remembered in the data folder for good, and a port is never given to
 * another site: what a browser keeps for a port, a service worker above all, would be the other's.
 */

import { join } from 'node:path';
import { DrayerError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { makeDataDir } from '../mirror/data-dir.ts';
import { readTextIfThere, replaceSynced } from '../store/durable-file.ts';

/** Gives each site its port. */
export type SitePorts = {
  /** The port of a site; a new one, remembered, for who has none. */
  portOf(publicKey: Uint8Array): number;
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
  return {
    portOf: (publicKey) => {
      const id = formatStreamId(publicKey);
      const known = ports.get(id);
      if (known !== undefined) return known;
      const port = Math.max(first - 1, ...ports.values()) + 1;
      if (port > LAST_PORT) throw new DrayerError('USAGE', `no port above ${LAST_PORT} is left`);
      ports.set(id, port);
      makeDataDir(dataDir);
      replaceSynced(path, `${JSON.stringify(Object.fromEntries(ports), undefined, 2)}\n`, 0o600);
      return port;
    },
  };
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
