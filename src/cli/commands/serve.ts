/** `drayer serve [streams…]`: to browsers and mirrors, until it is stopped. */
import { existsSync } from 'node:fs';
import { DrayerError, EXIT } from '../../core/errors.ts';
import { type Daemon, startDaemon } from '../../daemon/daemon.ts';
import { findStream, type KnownStream, listKnownStreams } from '../../daemon/known-streams.ts';
import { readStreamId } from '../../daemon/stream-facts.ts';
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
  const known = await listKnownStreams(await session.config(), settings.dataDir);
  const streams = await chooseStreams(session, names, known);
  const site = settings.site === undefined ? undefined : await findSite(settings.site, streams);
  const daemon = await startDaemon({
    ...settings,
    site,
    streams: streams.map(({ path, name }) => ({ path, name })),
    signal,
    onGeneration: ({ id, generation }) => {
      if (terminal.isJson) return;
      const seq = generation.snapshot === undefined ? '' : ` ${generation.snapshot.seq}`;
      terminal.say(`${id} is at generation${seq} of ${time(generation.tip)}`);
    },
    onError: (error, path) => {
      const reason = error instanceof Error ? error.message : String(error);
      const isNamed = path === undefined || reason.includes(path);
      terminal.complain('warning', isNamed ? reason : `${path}: ${reason}`);
    },
    onRefused: (reason) => terminal.complain('warning', reason),
  });
  if (terminal.isJson) printJson(session, daemon);
  else printAddresses(session, daemon, isReachable(settings));
  await daemon.closed;
  return EXIT.done;
}

async function chooseStreams(
  session: Session,
  names: readonly string[],
  known: readonly KnownStream[],
): Promise<readonly KnownStream[]> {
  if (names.length > 0) {
    const chosen: KnownStream[] = [];
    for (const name of names) chosen.push(await findStream(name, known));
    return chosen;
  }
  const present = known.filter((stream) => existsSync(stream.path));
  for (const stream of known) {
    if (present.includes(stream)) continue;
    session.terminal.complain('warning', `${stream.name}: not published yet, left out`);
  }
  if (present.length > 0) return present;
  throw new DrayerError('STREAM_NOT_FOUND', 'there is nothing to serve yet', {
    hint: 'drayer publish DIR makes a stream of a folder, drayer mirror URL copies one',
  });
}

async function findSite(text: string, streams: readonly KnownStream[]): Promise<Uint8Array> {
  const { publicKey } = readStreamId((await findStream(text, streams)).path);
  return publicKey;
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
