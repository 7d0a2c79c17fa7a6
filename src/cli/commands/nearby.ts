/** `drayer nearby`: streams that others on the local networks have, and that are not here. */
import { DrayerError, EXIT, isDrayerError } from '../../core/errors.ts';
import { findDaemon } from '../../daemon/control-client.ts';
import { listKnownStreams } from '../../daemon/known-streams.ts';
import { type HeardStream, heardStream, withTitles } from '../../daemon/nearby.ts';
import { readStreamId } from '../../daemon/stream-facts.ts';
import { LanDiscovery } from '../../discovery/lan-discovery.ts';
import { count, duration, table } from '../format.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';

/** Flags of `drayer nearby`. */
export type NearbyFlags = {
  readonly seconds?: string | undefined;
  readonly titles?: boolean | undefined;
  readonly dataDir?: string | undefined;
};

/** Everybody says within ten seconds what he has; those with much, within a minute. */
const SECONDS = 12;
const MOST_SECONDS = 3_600;

/** Lists what is nearby: what the daemon has heard, or what is said while this waits. */
export async function nearby(session: Session, flags: NearbyFlags): Promise<number> {
  const { terminal, signal } = session;
  const seconds = parseSeconds(flags.seconds);
  const { dataDir } = await session.settings({ dataDir: flags.dataDir });
  const heard = flags.seconds === undefined ? await heardByDaemon(session, dataDir) : undefined;
  const streams =
    heard ?? (await listen(session, { seconds, dataDir, isAsking: flags.titles === true }));
  const shown = flags.titles ? await withTitles(streams, signal) : streams;
  if (terminal.isJson) {
    terminal.printJson({ streams: shown });
    return EXIT.done;
  }
  for (const stream of shown) print(session, stream);
  if (shown.length === 0) terminal.say('nobody on this network says that he has anything else');
  else terminal.say(`${count(shown.length, 'stream')}; drayer mirror ID takes one`);
  return EXIT.done;
}

/** Undefined where no daemon listens. */
async function heardByDaemon(
  { signal }: Session,
  dataDir: string,
): Promise<readonly HeardStream[] | undefined> {
  const link = await findDaemon(dataDir);
  if (link === undefined) return undefined;
  const { streams } = await link.ask({ do: 'nearby' }, { signal });
  return streams;
}

type Listening = {
  readonly seconds: number;
  readonly dataDir: string;
  /** Whether those that are heard are asked for titles then. */
  readonly isAsking: boolean;
};

async function listen(session: Session, listening: Listening): Promise<HeardStream[]> {
  const { seconds, dataDir, isAsking } = listening;
  const { terminal, signal } = session;
  const discovery = new LanDiscovery({ httpPort: 0 });
  const stop = (): void => void discovery.stop();
  const timer = setTimeout(stop, seconds * 1000);
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (const { path } of await listKnownStreams(await session.config(), dataDir)) {
      const publicKey = keyAt(path);
      if (publicKey !== undefined) discovery.put({ publicKey, isShown: false });
    }
    await discovery.open();
    const next = isAsking ? 'then whoever is heard is asked for titles' : 'nothing is sent';
    terminal.say(`listening for ${duration(seconds * 1000)}; ${next}`);
    for await (const event of discovery) {
      if (event.kind === 'problem') terminal.complain('warning', event.error.message);
    }
    return discovery.nearby().map(heardStream);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    await discovery.stop();
  }
}

/** Undefined for a file that is not there yet, or cannot be read. */
function keyAt(path: string): Uint8Array | undefined {
  try {
    return readStreamId(path).publicKey;
  } catch (error) {
    if (isDrayerError(error)) return undefined;
    throw error;
  }
}

function print({ terminal }: Session, stream: HeardStream): void {
  const { id, urls, title, signed, firstHeardMs, lastHeardMs } = stream;
  const name = title === undefined ? '' : `${visible(title)}  `;
  terminal.print(terminal.paint('bold', `${name}${id}`));
  const rows = urls.map((url, i) => [i === 0 ? '  at' : '', visible(url)]);
  const [first, last] = [firstHeardMs, lastHeardMs].map((ms) => new Date(ms).toTimeString());
  rows.push(['  heard', `${first?.slice(0, 8)} to ${last?.slice(0, 8)}`]);
  if (!signed) rows.push(['  signed', 'not known: who has it sends too little to check']);
  for (const line of table(rows, [])) terminal.print(line);
}

function parseSeconds(text: string | undefined): number {
  if (text === undefined) return SECONDS;
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= 1 && seconds <= MOST_SECONDS) return seconds;
  throw new DrayerError(
    'USAGE',
    `--seconds: expected a number from 1 to ${MOST_SECONDS}, got ${JSON.stringify(text)}`,
  );
}
