/** Serving from a command: the daemon, what it says while it runs, and the addresses to open. */
import type { Settings } from '../config/settings.ts';
import { type Daemon, type DaemonOptions, startDaemon } from '../daemon/daemon.ts';
import type { Deploy } from '../server/push.ts';
import { count, time } from './format.ts';
import type { Session } from './session.ts';

/** What is served besides what the settings say. */
export type ServingOptions = Pick<
  DaemonOptions,
  'streams' | 'site' | 'dataDir' | 'except' | 'live' | 'push' | 'onGeneration' | 'onAnnounced'
>;

/** Starts to serve, until the session's signal comes, and prints where. */
export async function startServing(
  session: Session,
  settings: Settings,
  options: ServingOptions,
): Promise<Daemon> {
  const { terminal, signal } = session;
  const { site, dataDir, push } = options;
  const daemon = await startDaemon({
    ...settings,
    ...watching(session),
    ...options,
    site,
    dataDir,
    push: push && { ...push, onDeploy: (deploy) => tellDeploy(session, deploy) },
    signal,
  });
  if (terminal.isJson) printJson(session, daemon);
  else printAddresses(session, daemon, isReachable(settings));
  return daemon;
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

/** The audit log: one line for each batch that was taken. */
function tellDeploy({ terminal }: Session, deploy: Deploy): void {
  if (terminal.isJson) {
    terminal.printJson({ deploy });
    return;
  }
  const { id, seq, root = 'none', records, removed, bytes, address = 'unknown' } = deploy;
  const what = `${count(records, 'record')}, ${removed} removed, ${bytes} bytes`;
  terminal.say(`deploy of ${id}: seq ${seq}, root ${root}, ${what}, from ${address}`);
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
