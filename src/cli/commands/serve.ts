/** `drayer serve [streams…]`: to browsers and mirrors, until it is stopped. */
import { EXIT, isDrayerError } from '../../core/errors.ts';
import { type Daemon, type DaemonOptions, startDaemon } from '../../daemon/daemon.ts';
import { listKnownStreams } from '../../daemon/known-streams.ts';
import { chooseServed, findSite } from '../../daemon/served-streams.ts';
import type { StreamSource } from '../../server/stream-set.ts';
import { count, time } from '../format.ts';
import type { Session } from '../session.ts';

/** Flags of `drayer serve`. */
export type ServeFlags = {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly lan?: boolean | undefined;
  readonly site?: string | undefined;
  readonly mount?: string | undefined;
  readonly allowHost?: readonly string[] | undefined;
  readonly cors?: boolean | undefined;
  readonly dataDir?: string | undefined;
};

/** Serves until a signal comes. */
export async function serve(
  session: Session,
  names: readonly string[],
  flags: ServeFlags,
): Promise<number> {
  const { terminal, signal } = session;
  const { allowHost, ...rest } = flags;
  const settings = await session.settings({ ...rest, allowHosts: allowHost });
  const { dataDir } = settings;
  const choice = await chooseServed(names, await listKnownStreams(await session.config(), dataDir));
  for (const { error } of choice.unreadable) terminal.complain('warning', error.message);
  for (const { name } of choice.waiting) {
    terminal.say(`${name} is not published yet; it is served as soon as it is`);
  }
  const daemon = await startDaemon({
    ...settings,
    ...watching(session),
    site: await chooseSite(session, settings.site, choice.sources),
    streams: choice.sources,
    // Who names streams wants these and no others.
    dataDir: names.length === 0 ? dataDir : undefined,
    except: choice.unreadable.map(({ stream }) => stream.path),
    signal,
  });
  if (terminal.isJson) printJson(session, daemon);
  else printAddresses(session, daemon, isReachable(settings));
  await daemon.closed;
  return EXIT.done;
}

/** The site of the config is a wish: it does not stand in the way of serving something else. */
async function chooseSite(
  session: Session,
  site: string | undefined,
  sources: readonly StreamSource[],
): Promise<Uint8Array | undefined> {
  if (site === undefined) return undefined;
  try {
    return await findSite(site, sources);
  } catch (error) {
    const isWish = (await session.config()).site === site;
    if (isWish && (isDrayerError(error, 'STREAM_NOT_FOUND') || isDrayerError(error, 'USAGE'))) {
      return undefined;
    }
    throw error;
  }
}

type Watching = Pick<DaemonOptions, 'onGeneration' | 'onStream' | 'onError' | 'onRefused'>;

function watching({ terminal }: Session): Watching {
  return {
    onGeneration: ({ id, generation }) => {
      const seq = generation.snapshot === undefined ? '' : ` ${generation.snapshot.seq}`;
      terminal.say(`${id} is at generation${seq} of ${time(generation.tip)}`);
    },
    onStream: ({ id }) => terminal.say(`serving one more stream: ${id}`),
    onError: (error, path) => {
      const reason = error instanceof Error ? error.message : String(error);
      const isNamed = path === undefined || reason.includes(path);
      terminal.complain('warning', isNamed ? reason : `${path}: ${reason}`);
    },
    onRefused: (reason) => terminal.complain('warning', reason),
  };
}

function isReachable({ lan, host }: { lan: boolean; host: string | undefined }): boolean {
  return lan || !(host === undefined || /^(localhost|127\..*|::1)$/.test(host));
}

function printJson(session: Session, daemon: Daemon): void {
  const { port, addresses, streams } = daemon;
  session.terminal.printJson({ port, addresses, streams });
}

function printAddresses(session: Session, daemon: Daemon, reachable: boolean): void {
  const { terminal } = session;
  const { streams, addresses } = daemon;
  const link = (address: string): string => `  ${terminal.paint('cyan', address)}`;
  const own = new Set(streams.flatMap((stream) => stream.addresses));
  terminal.print(`serving ${count(streams.length, 'stream')}; open in a browser:`);
  for (const address of addresses) if (!own.has(address)) terminal.print(link(address));
  for (const stream of streams) {
    terminal.print(`${terminal.paint('bold', stream.name ?? 'mirror')}  ${stream.id}`);
    for (const address of stream.addresses) terminal.print(link(address));
  }
  if (reachable) terminal.say('other machines on the network can reach it');
  else terminal.say('only this machine can reach it; --lan lets others in');
  terminal.say('Ctrl-C stops it');
}
