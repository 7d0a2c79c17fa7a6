/** Serving from a command: the daemon, what it says while it runs, and the addresses to open. */
import type { Settings } from '../config/settings.ts';
import { type Daemon, type DaemonOptions, startDaemon } from '../daemon/daemon.ts';
import { isReachable } from '../daemon/reach.ts';
import type { Deploy } from '../server/push.ts';
import { count, time } from './format.ts';
import type { Teller } from './log.ts';
import type { Session } from './session.ts';
import type { Terminal } from './terminal.ts';

/** What is served besides what the settings say. */
export type ServingOptions = Pick<
  DaemonOptions,
  | 'streams'
  | 'site'
  | 'dataDir'
  | 'except'
  | 'live'
  | 'push'
  | 'operator'
  | 'workers'
  | 'onGeneration'
  | 'onAnnounced'
>;

/** Flags that say where it is served, and who else is to know. */
export type ServingFlags = {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly lan?: boolean | undefined;
  readonly dht?: boolean | undefined;
  readonly upnp?: boolean | undefined;
};

/** How it is served, and where what happens is told. */
export type ServingWay<Started extends Daemon> = {
  readonly start: (options: DaemonOptions) => Promise<Started>;
  readonly tell: Teller;
};

/** Starts to serve, until the session's signal comes, and prints where. */
export async function startServing(
  session: Session,
  settings: Settings,
  options: ServingOptions,
): Promise<Daemon> {
  return await startServingBy(session, settings, options, {
    start: startDaemon,
    tell: terminalTeller(session.terminal),
  });
}

/** The same in another way: as the daemon of a data folder, with a log. */
export async function startServingBy<Started extends Daemon>(
  session: Session,
  settings: Settings,
  options: ServingOptions,
  way: ServingWay<Started>,
): Promise<Started> {
  const { terminal, signal } = session;
  const { start, tell } = await furtherWay(way, settings, options);
  const { site, dataDir, push, operator } = options;
  const daemon = await start({
    ...settings,
    ...watching(tell),
    ...options,
    site,
    dataDir,
    operator: operator && { ...operator, onAccess: (line) => terminal.print(line) },
    push: push && { ...push, onDeploy: (deploy) => tellDeploy(terminal, tell, deploy) },
    signal,
  });
  if (terminal.isJson) printJson(session, daemon);
  else printAddresses(session, daemon);
  if (settings.lan) await (await import('./print-code.ts')).printCode(terminal, daemon);
  tellReach(tell, settings);
  tellMetrics(tell, daemon);
  return daemon;
}

/** Beyond this network, where that is wished for. */
async function furtherWay<Started extends Daemon>(
  way: ServingWay<Started>,
  settings: Settings,
  { operator }: ServingOptions,
): Promise<ServingWay<Started>> {
  const isSecure = operator?.certificate !== undefined;
  const routed = settings.upnp
    ? (await import('./router-way.ts')).routerWay(way, {
        isReachable: isReachable(settings),
        isSecure,
      })
    : way;
  return settings.dht === false ? routed : (await import('./dht-way.ts')).dhtWay(routed, settings);
}

function terminalTeller(terminal: Terminal): Teller {
  return {
    info: (_, line) => terminal.say(line),
    warn: (_, line) => terminal.complain('warning', line),
  };
}

type Watching = Pick<
  DaemonOptions,
  'onNetworks' | 'onName' | 'onGeneration' | 'onStream' | 'onError' | 'onRefused'
>;

function watching(tell: Teller): Watching {
  return {
    onNetworks: (networks) => {
      const where =
        networks.length === 0 ? 'nobody: there is no network' : `others on ${networks.join(', ')}`;
      tell.info({ event: 'networks', networks }, `found by ${where}`);
    },
    onName: (id, address) => {
      tell.info({ event: 'name', id, address }, `on this network ${id} is ${address}`);
    },
    onGeneration: ({ id, generation }) => {
      const seq = generation.snapshot === undefined ? '' : ` ${generation.snapshot.seq}`;
      const { tip, snapshot } = generation;
      const line = `${id} is at generation${seq} of ${time(tip)}`;
      tell.info({ event: 'generation', id, seq: snapshot?.seq, tip }, line);
    },
    onStream: ({ id }) => tell.info({ event: 'stream', id }, `serving one more stream: ${id}`),
    onError: (error, path) => {
      const reason = error instanceof Error ? error.message : String(error);
      const isNamed = path === undefined || reason.includes(path);
      tell.warn({ event: 'error', path }, isNamed ? reason : `${path}: ${reason}`);
    },
    onRefused: (reason) => tell.warn({ event: 'refused' }, reason),
  };
}

/** The audit log: one line for each batch that was taken. */
function tellDeploy(terminal: Terminal, tell: Teller, deploy: Deploy): void {
  if (terminal.isJson) {
    terminal.printJson({ deploy });
    return;
  }
  const { id, seq, root = 'none', records, removed, bytes, address = 'unknown' } = deploy;
  const what = `${count(records, 'record')}, ${removed} removed, ${bytes} bytes`;
  const line = `deploy of ${id}: seq ${seq}, root ${root}, ${what}, from ${address}`;
  tell.info({ event: 'deploy', id, seq }, line);
}

function printJson(session: Session, daemon: Daemon): void {
  const { port, addresses, streams } = daemon;
  session.terminal.printJson({ port, addresses, streams });
}

function printAddresses(session: Session, daemon: Daemon): void {
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
}

function tellMetrics(tell: Teller, { metricsPort: port }: Daemon): void {
  if (port === undefined) return;
  const line = `metrics and health: http://127.0.0.1:${port}/metrics and /health`;
  tell.info({ event: 'metrics', port }, line);
}

function tellReach(tell: Teller, settings: Settings): void {
  const reachable = isReachable(settings);
  const told = settings.lan ? ', and are told the ids of what is served and this address' : '';
  const who = reachable
    ? `other machines on the network can reach it${told}`
    : 'only this machine can reach it; --lan lets others in';
  tell.info({ event: 'reach', reachable }, who);
  tell.info({}, 'Ctrl-C stops it');
}
