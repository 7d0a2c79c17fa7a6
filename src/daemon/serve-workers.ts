/**
 * The processes that serve beside the first one: begun with its sockets, begun again when one ends by
 * itself, ended with it. Each has a connection of its own to each stream file, so SQLite sees to it that
 * a process never shows half a generation, and to it that none waits for the one that writes.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { DrayerError } from '../core/errors.ts';
import { formatStreamId } from '../core/stream-id.ts';
import type { OpenStreamSet, StreamSource } from '../server/stream-set.ts';
import type { DaemonOptions } from './daemon.ts';
import type { KnownPlaces, Places } from './elsewhere.ts';
import {
  type LocalHosts,
  type Order,
  planOf,
  type Report,
  type WorkerPlan,
} from './worker-plan.ts';

/** Processes that serve. */
export type ServeWorkers = {
  /** Process ids of those that serve at the moment. */
  ready(): readonly number[];
  /** Tells all of them what is served now. */
  sync(): void;
  /** Ends them; requests get a moment. Idempotent. */
  close(): Promise<void>;
};

const SCRIPT = new URL(
  import.meta.url.endsWith('.ts') ? './serve-worker.ts' : './serve-worker.cjs',
  import.meta.url,
);
/** Waits before one that ended is begun again: doubled each time, up to the last. */
const FIRST_WAIT_MS = 50;
const LAST_WAIT_MS = 10_000;
/** Who has served so long has not failed at its beginning. */
const GOOD_MS = 10_000;
/** Between two looks at who else has streams. */
const PLACES_MS = 2_000;
/** A process that does not end by itself is ended. */
const END_MS = 2_500;

/**
 * Begins them; they serve as soon as they can, and until then the first process does.
 *
 * @param set - what is served, now and later
 * @param sockets - the first process's
 * @param options - `workers` counts the first process too
 */
export function startWorkers(
  set: OpenStreamSet,
  sockets: readonly Server[],
  options: DaemonOptions & { readonly names: LocalHosts } & Pick<Places, 'nearby'>,
): ServeWorkers {
  const { workers = 1, onAnnounced: onNews, onRefused, onError } = options;
  const first = {
    sockets,
    plan: planOf(options),
    sources: () => set.sources(),
    names: options.names,
    places: () => placesOf(options),
    ...{ onNews, onAccess: options.operator?.onAccess, onRefused, onError },
  };
  const places = Array.from({ length: workers - 1 }, () => new Place(first));
  let closing: Promise<unknown> | undefined;
  let told = textOf(first.places());
  const timer = setInterval(() => {
    const text = textOf(first.places());
    if (text === told) return;
    told = text;
    for (const place of places) place.tellPlaces();
  }, PLACES_MS);
  timer.unref();
  return {
    ready: () => places.flatMap(({ readyPid }) => readyPid ?? []),
    sync: () => {
      for (const place of places) place.sync();
    },
    close: async () => {
      clearInterval(timer);
      closing ??= Promise.all(places.map((place) => place.close()));
      await closing;
    },
  };
}

/** What the first process gives and is told. */
type First = {
  readonly sockets: readonly Server[];
  readonly plan: Omit<WorkerPlan, 'streams'>;
  readonly sources: () => readonly StreamSource[];
  readonly names: LocalHosts;
  readonly places: () => KnownPlaces;
  readonly onNews: DaemonOptions['onAnnounced'];
  readonly onAccess: ((line: string) => void) | undefined;
  readonly onRefused: DaemonOptions['onRefused'];
  readonly onError: DaemonOptions['onError'];
};

/** What of it says where a stream is; what is held in silence is told to nobody. */
function placesOf({ kept, nearby }: Pick<Places, 'kept' | 'nearby'>): KnownPlaces {
  const mirrors = (kept?.() ?? []).filter(({ isHidden }) => !isHidden);
  return {
    kept: mirrors.map(({ id, urls, isHidden, isAuto }) => ({ id, urls, isHidden, isAuto })),
    nearby: (nearby?.() ?? []).map(({ publicKey, urls }) => ({ publicKey, urls })),
  };
}

/** To tell whether there is something new: the order in which they were heard is not. */
function textOf({ kept, nearby }: KnownPlaces): string {
  const heard = nearby.map(({ publicKey, urls }) => `${formatStreamId(publicKey)} ${urls}`);
  return [...kept.map(({ id, urls }) => `${id} ${urls}`), ...heard.sort()].join('\n');
}

/** Where one process is, one after another. */
class Place {
  readonly #options: First;
  #child: ChildProcess;
  #isReady = false;
  #isClosing = false;
  #waitMs = FIRST_WAIT_MS;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: First) {
    this.#options = options;
    this.#child = this.#begin();
  }

  get readyPid(): number | undefined {
    return this.#isReady ? this.#child.pid : undefined;
  }

  sync(): void {
    const { sources, names } = this.#options;
    if (this.#isReady) this.#order({ do: 'serve', streams: sources(), names });
  }

  tellPlaces(): void {
    if (this.#isReady) this.#order({ do: 'places', places: this.#options.places() });
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    this.#order({ do: 'close' });
    const timer = setTimeout(() => child.kill('SIGKILL'), END_MS);
    await ended;
    clearTimeout(timer);
  }

  #begin(): ChildProcess {
    const { sockets, plan, sources } = this.#options;
    const child = fork(fileURLToPath(SCRIPT), {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child = child;
    const startedMs = performance.now();
    child.on('message', (report: Report) => this.#hear(report));
    child.once('error', (error) => {
      this.#options.onError?.(error);
      // What could not even be begun has no end to be heard of.
      if (child.pid === undefined) this.#ended(error.message, startedMs);
    });
    child.once('exit', (code, signal) => this.#ended(signal ?? code, startedMs));
    for (const socket of sockets) this.#order({ do: 'listen' }, socket);
    this.#order({ do: 'start', plan: { ...plan, streams: sources() } });
    return child;
  }

  #order(order: Order, socket?: Server): void {
    // One that is just ending is told nothing; its end is heard of by itself.
    if (this.#child.connected) this.#child.send(order, socket, () => {});
  }

  #hear(report: Report): void {
    const { onNews, onAccess, onRefused, onError } = this.#options;
    if (report.told === 'news') onNews?.(report.publicKey);
    else if (report.told === 'access') onAccess?.(report.line);
    else if (report.told === 'refused') onRefused?.(report.reason);
    else if (report.told === 'error') {
      onError?.(new DrayerError('INTERNAL', report.message), report.path);
    } else {
      this.#isReady = true;
      // What came or went while it began.
      this.sync();
      this.tellPlaces();
    }
  }

  #ended(how: string | number | null, startedMs: number): void {
    this.#isReady = false;
    if (this.#isClosing) return;
    const isGood = performance.now() - startedMs > GOOD_MS;
    this.#waitMs = isGood ? FIRST_WAIT_MS : Math.min(LAST_WAIT_MS, this.#waitMs * 2);
    const what = `process ${this.#child.pid} that served has ended (${how})`;
    const message = `${what}; another one begins in ${this.#waitMs} ms`;
    this.#options.onError?.(new DrayerError('INTERNAL', message));
    this.#timer = setTimeout(() => this.#begin(), this.#waitMs);
  }
}
