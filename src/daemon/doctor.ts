/**
 * What `drayer doctor` looks at: everything that has to be right around drayer, each with one finding, a
 * sentence and a remedy. Nothing is changed; what is written to see whether it can be is removed.
 */
import type { Config } from '../config/load-config.ts';
import type { Settings } from '../config/settings.ts';
import { checkClock, checkSignedTimes } from './doctor-clock.ts';
import { checkFolders, checkKeys } from './doctor-disk.ts';
import { checkDht, checkLanPort, checkNetworks } from './doctor-network.ts';
import { checkLibraries, checkNode } from './doctor-program.ts';
import { checkServer } from './doctor-server.ts';
import { listKnownStreams } from './known-streams.ts';

/** One thing that was looked at. */
export type Finding = {
  /** Which check, for programs: `node`, `multicast` … */
  readonly check: string;
  /** `wrong`: something does not work. `warning`: it works, and somebody should know. */
  readonly verdict: 'ok' | 'warning' | 'wrong';
  /** A sentence, with the values. */
  readonly message: string;
  /** What to do about it; with every verdict but `ok`. */
  readonly remedy?: string | undefined;
};

/** What {@link examine} is told. */
export type Examined = {
  readonly settings: Settings;
  readonly config: Config;
  /** Of this program. */
  readonly version: string;
  /** Whether the DHT may be asked: that is public. */
  readonly asksDht: boolean;
  readonly signal?: AbortSignal | undefined;
};

/** Looks at one thing after the other. */
export async function* examine(examined: Examined): AsyncGenerator<Finding> {
  const { settings, config, asksDht, signal } = examined;
  const { dataDir } = settings;
  yield checkNode(process.versions.node);
  yield* checkLibraries();
  const known = await listKnownStreams(config, dataDir);
  yield* checkFolders(dataDir, known);
  yield* checkKeys(known);
  yield* checkNetworks();
  yield await checkLanPort();
  yield* checkServer(examined);
  yield await checkClock(known, { signal });
  yield* checkSignedTimes(known);
  if (asksDht) yield await checkDht(settings, { signal });
}
