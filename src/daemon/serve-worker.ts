/**
 * One of several processes that serve the same streams from the same sockets. It reads and never
 * writes; what is written, followed and told to people is the first process's. It ends with it.
 */
import { Server as NetServer } from 'node:net';
import type { Listener } from '../server/listen.ts';
import { type OpenStreamSet, openStreamSet, type StreamSource } from '../server/stream-set.ts';
import type { KnownPlaces } from './elsewhere.ts';
import { openServer } from './open-server.ts';
import type { Order, Report, WorkerPlan } from './worker-plan.ts';

const sockets: NetServer[] = [];
/** On the local network. */
const names = new Map<string, Uint8Array>();
let places: KnownPlaces = { kept: [], nearby: [] };
let running: { readonly streams: OpenStreamSet; readonly listener: Listener } | undefined;

// Ctrl-C goes to all processes of a terminal, SIGTERM of systemd to all of a service: the first one says
// when to end, and what is on its way is sent to its end.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => void close());
// It may have gone while this was being loaded, and all that it told may be there all the same.
if (!process.connected) process.exit();
process.on('message', (order: Order, socket: unknown) => void follow(order, socket));

async function follow(order: Order, socket: unknown): Promise<void> {
  if (order.do === 'listen' && socket instanceof NetServer) sockets.push(socket);
  else if (order.do === 'start') await start(order.plan);
  else if (order.do === 'serve') {
    serveThese(order.streams);
    names.clear();
    for (const [host, publicKey] of order.names) names.set(host, publicKey);
  } else if (order.do === 'places') places = order.places;
  if (order.do === 'close') await close();
}

async function start(plan: WorkerPlan): Promise<void> {
  const onError = (error: unknown, path?: string): void => {
    tell({ told: 'error', message: error instanceof Error ? error.message : String(error), path });
  };
  const { operator, takesNews, streams: sources, pollMs, ...options } = plan;
  const streams = openStreamSet([], { pollMs, onError, checks: false });
  for (const source of sources) addTo(streams, source, onError);
  const onAccess = (line: string): void => tell({ told: 'access', line });
  const listener = await openServer(streams, {
    ...options,
    streams: sources,
    sockets,
    localNames: names,
    kept: () => places.kept,
    nearby: () => places.nearby,
    operator: operator && { ...operator, onAccess },
    onAnnounced: takesNews ? (publicKey) => tell({ told: 'news', publicKey }) : undefined,
    onRefused: (reason) => tell({ told: 'refused', reason }),
    onError,
  });
  running = { streams, listener };
  tell({ told: 'ready' });
}

/** The first process has found that it can be opened; where that is no longer so, the others go on. */
function addTo(
  streams: OpenStreamSet,
  source: StreamSource,
  onError: (error: unknown, path: string) => void,
): void {
  try {
    streams.add(source);
  } catch (error) {
    onError(error, source.path);
  }
}

function serveThese(sources: readonly StreamSource[]): void {
  if (running === undefined) return;
  const { streams } = running;
  const wanted = new Set(sources.map(({ path }) => path));
  for (const { path } of streams.sources()) if (!wanted.has(path)) streams.remove(path);
  for (const source of sources) {
    addTo(streams, source, (error, path) => {
      tell({ told: 'error', message: String(error), path });
    });
  }
}

async function close(): Promise<void> {
  await running?.listener.close();
  running?.streams.close();
  process.exit();
}

function tell(report: Report): void {
  if (process.connected) process.send?.(report);
}
