/** What the daemon knows of one stream, for `drayer info`: where it is served, whom it follows, what is wrong. */
import { existsSync } from 'node:fs';
import { isDrayerError } from '../core/errors.ts';
import { controlPathOf } from '../daemon/control-socket.ts';
import type { ListedRun } from '../daemon/control-wire.ts';
import { readKept } from '../daemon/kept-mirrors.ts';
import { bytes } from './format.ts';
import type { Session } from './session.ts';
import { visible } from './terminal.ts';

/** The same for people and for programs. */
export type RunningStream = {
  readonly rows: string[][];
  readonly json: object;
  /** Where it is served. */
  readonly addresses: readonly string[];
};

/** Where the daemon, if one runs, serves the stream of this file. */
export async function addressesOf(
  session: Session,
  path: string,
  { dataDir: given }: { readonly dataDir?: string | undefined },
): Promise<readonly string[]> {
  const { dataDir } = await session.settings({ dataDir: given });
  const run = await ask(session, dataDir);
  return run?.streams.find((one) => one.path === path)?.addresses ?? [];
}

/** Asks the daemon, where one runs; without one, what is noted beside the stream. */
export async function describeRunning(
  session: Session,
  path: string,
  { dataDir: given }: { readonly dataDir?: string | undefined },
): Promise<RunningStream> {
  const { dataDir } = await session.settings({ dataDir: given });
  const run = await ask(session, dataDir);
  const state = run?.kept.find((one) => one.path === path);
  const kept = state ?? readNote(path);
  const addresses = run?.streams.find((one) => one.path === path)?.addresses ?? [];
  const { quota, isHidden, urls = [] } = kept ?? {};
  const problem = state?.problem;
  const [address = isHidden ? 'no: held only' : undefined] = addresses;
  const follows = urls.map((url, i) => [i === 0 ? 'follows' : '', visible(url)]);
  return {
    addresses,
    rows: [
      ...(address === undefined ? [] : [['served', address]]),
      ...follows,
      ...(quota?.bytes === undefined ? [] : [['quota', bytes(quota.bytes)]]),
      ...(problem === undefined ? [] : [['problem', visible(problem.message)]]),
    ],
    json: {
      served: addresses,
      hidden: isHidden,
      following: state?.isFollowing,
      sources: kept?.urls,
      quota,
      problem,
    },
  };
}

async function ask(session: Session, dataDir: string): Promise<ListedRun | undefined> {
  if (!existsSync(controlPathOf(dataDir))) return undefined;
  const { findDaemon } = await import('../daemon/control-client.ts');
  try {
    const link = await findDaemon(dataDir);
    return await link?.ask({ do: 'list' }, { signal: session.signal });
  } catch (error) {
    // What is in the file can be told all the same; drayer list says what is wrong.
    if (isDrayerError(error) && error.code !== 'ABORTED') return undefined;
    throw error;
  }
}

function readNote(path: string): ReturnType<typeof readKept> {
  try {
    return readKept(path);
  } catch (error) {
    if (isDrayerError(error)) return undefined;
    throw error;
  }
}
