/**
 * The mainline DHT for what a daemon serves and keeps: announces what is served, looks up all of it, signs
 * pointers to what is our own, and tells where a key has signed something newer than is here.
 */
import { existsSync } from 'node:fs';
import type { DhtConfig } from '../config/dht-config.ts';
import { type DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import { DhtDiscovery, type DhtState } from '../discovery/dht-discovery.ts';
import { type SignedPointer, signPointer } from '../discovery/dht-pointer.ts';
import type { PeerFinder } from '../mirror/peer-finder.ts';
import type { GenerationEvent } from '../server/stream-set.ts';
import { keyPathOf, readKeyFile } from '../store/key-file.ts';
import type { Generation } from '../store/reader.ts';
import type { Daemon, DaemonOptions } from './daemon.ts';
import { readNodes, writeNodes } from './dht-nodes.ts';
import type { MirrorKeeper } from './mirror-keeper.ts';
import type { WithRouter } from './router.ts';
import { withReader } from './stream-facts.ts';

/** What {@link withDht} tells. */
export type DhtEvents = {
  readonly onState?: ((state: DhtState) => void) | undefined;
  /** The key of a stream has signed a newer generation than is here. */
  readonly onBehind?: ((id: string, signed: number, here: number) => void) | undefined;
  /** The DHT shows an older generation than the key has signed, or another one of the same number. */
  readonly onDisagree?: ((id: string) => void) | undefined;
  /** What keeps a pointer from being signed. */
  readonly onProblem?: ((problem: DrayerError) => void) | undefined;
};

/** How a daemon is started; one that keeps mirrors asks the finders where they may be found. */
type Start<Started extends Daemon, More = unknown> = (
  options: DaemonOptions & More,
) => Promise<Started>;
type Finders = {
  readonly finders?: readonly PeerFinder[] | undefined;
  readonly disputed?: (() => readonly string[]) | undefined;
};

/** Between two looks at what is served, ms. */
const LOOK_MS = 5_000;
/** So many looks in a row that show something older are a disagreement. */
const OLDER_LOOKS = 2;
/** In so many looks once it is looked whether a stream has its key here, besides at each new generation. */
const KEYS_EVERY = 12;
/** Nodes are noted at most so often, ms. */
const NOTE_MS = 600_000;

/**
 * Makes a way to start a daemon that uses the DHT as well. From then on everybody can learn which streams
 * are served here, and at which address.
 *
 * @param dataDir - where the nodes are remembered for the next time
 */
export function withDht<Started extends Daemon>(
  start: Start<Started, Finders>,
  config: DhtConfig & { readonly dataDir: string },
  events: DhtEvents = {},
): Start<Started> {
  return async (options) => {
    const world = new World(config, events, options);
    const { onGeneration } = options;
    const daemon = await start({
      ...options,
      finders: [{ name: 'dht', find: (publicKey) => world.dht.peersOf(publicKey) }],
      disputed: () => world.disputed(),
      onGeneration: (event) => {
        onGeneration?.(event);
        world.changed(event);
      },
    });
    world.open(daemon);
    const closed = daemon.closed.finally(() => world.close());
    const close = async (): Promise<void> => {
      await Promise.all([daemon.close(), world.close()]);
      await closed;
    };
    return { ...daemon, closed, close };
  };
}

type Shown = { readonly path: string; readonly isServed: boolean };
/** What was said of a stream last. */
type Put = Shown & {
  readonly publicKey: Uint8Array;
  readonly isOwn: boolean;
  readonly tip: string;
};
type WithKeeper = Partial<{ readonly keeper: MirrorKeeper | undefined }>;

class World {
  readonly dht: DhtDiscovery;
  readonly #config: DhtConfig & { readonly dataDir: string };
  readonly #events: DhtEvents;
  readonly #options: DaemonOptions;
  /** By id, base64. */
  readonly #put = new Map<string, Put>();
  readonly #disagreeing = new Set<string>();
  /** By id, how many looks in a row have shown something older than is here. */
  readonly #older = new Map<string, number>();
  /** Of own streams, by id: read once, and then told. */
  readonly #generations = new Map<string, Generation | undefined>();
  #turn = 0;
  #daemon: (Daemon & WithKeeper & Partial<WithRouter>) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #notedMs = Number.NEGATIVE_INFINITY;

  constructor(
    config: DhtConfig & { readonly dataDir: string },
    events: DhtEvents,
    options: DaemonOptions,
  ) {
    this.#config = config;
    this.#events = events;
    this.#options = options;
    this.dht = new DhtDiscovery({
      ...config,
      remembered: readNodes(config.dataDir),
      onState: events.onState,
      onPeers: (publicKey) => void this.#daemon?.keeper?.pull(publicKey),
      onPointer: (publicKey, pointer) => this.#compare(publicKey, pointer),
      onLook: (publicKey) => this.#judge(publicKey),
      onNodes: (nodes) => this.#note(nodes),
    });
  }

  open(daemon: Daemon & WithKeeper & Partial<WithRouter>): void {
    this.#daemon = daemon;
    this.dht.open();
    this.look();
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.dht.stop();
  }

  /** Ids, base64, of the streams of which the DHT shows something older than there is, or something else. */
  disputed(): readonly string[] {
    return [...this.#disagreeing];
  }

  /** A stream has another generation. */
  changed({ id, generation }: Pick<GenerationEvent, 'id' | 'generation'>): void {
    this.#generations.set(id, generation);
    const known = this.#put.get(id);
    // Of one that was not served before there is more to say.
    if (known === undefined || !known.isServed) this.look();
    else this.#tell(id, known, { port: this.#port(), looksForKey: true });
  }

  /** Looks now at what is here. */
  look(): void {
    const shown = this.#shown();
    for (const [id, { publicKey }] of this.#put) {
      if (shown.has(id)) continue;
      this.#put.delete(id);
      this.#generations.delete(id);
      this.#older.delete(id);
      this.#disagreeing.delete(id);
      this.dht.remove(publicKey);
    }
    const how = { port: this.#port(), looksForKey: this.#turn % KEYS_EVERY === 0 };
    this.#turn += 1;
    for (const [id, stream] of shown) this.#tell(id, stream, how);
  }

  /** What is kept and not served too: those held for nobody, and those of which nothing has come yet. */
  #shown(): Map<string, Shown> {
    const shown = new Map<string, Shown>();
    for (const { id, path } of this.#daemon?.keeper?.mirrors() ?? []) {
      shown.set(id, { path, isServed: false });
    }
    for (const { id, path, isWithheld } of this.#daemon?.hosted() ?? []) {
      shown.set(id, { path, isServed: !isWithheld });
    }
    return shown;
  }

  #tell(
    id: string,
    { path, isServed }: Shown,
    { port: served, looksForKey }: { readonly port: number; readonly looksForKey: boolean },
  ): void {
    const before = this.#put.get(id);
    const isAsked = looksForKey || before?.path !== path;
    const isOwn = isAsked ? existsSync(keyPathOf(path)) : before.isOwn;
    const publicKey = before?.publicKey ?? parseStreamId(id);
    if (isOwn && !this.#generations.has(id)) {
      this.#generations.set(id, this.#generationOf({ path }));
    }
    const generation = isOwn ? this.#generations.get(id) : undefined;
    const port = isServed ? served : 0;
    const tip = `${isServed} ${port} ${generation?.tip ?? 0}`;
    if (before?.tip === tip && before.path === path && before.isOwn === isOwn) return;
    this.#put.set(id, { publicKey, path, isServed, isOwn, tip });
    if (before?.tip === tip) return;
    const pointer = generation && this.#sign({ publicKey, path }, generation);
    this.dht.put({ publicKey, port, pointer });
  }

  /** A stream has been looked up: does the DHT show less than there is? */
  #judge(publicKey: Uint8Array): void {
    const id = formatStreamId(publicKey);
    const { disagrees, shown } = this.dht.known(publicKey);
    const stream = this.#put.get(id);
    const here = (shown && stream && this.#generationOf(stream)?.snapshot?.seq) ?? 0;
    // Of one look it may be that the newest has not got there yet.
    const older = (shown?.seq ?? here) < here ? (this.#older.get(id) ?? 0) + 1 : 0;
    this.#older.set(id, older);
    if (!disagrees && older < OLDER_LOOKS) this.#disagreeing.delete(id);
    else if (!this.#disagreeing.has(id)) {
      this.#disagreeing.add(id);
      this.#events.onDisagree?.(id);
    }
  }

  /** Where others are told to come; 0 where nobody else can. */
  #port(): number {
    const { host, lan = false } = this.#options;
    const { httpPort, anyAddress = false } = this.#config;
    const isLoopback = !lan && (host === undefined || /^(localhost|127\..*|::1)$/.test(host));
    if (isLoopback && !anyAddress && httpPort === undefined) return 0;
    const { outsidePort, port = 0 } = this.#daemon ?? {};
    return httpPort ?? outsidePort?.() ?? port;
  }

  #sign(
    { publicKey, path }: Pick<Put, 'publicKey' | 'path'>,
    generation: Generation,
  ): SignedPointer | undefined {
    const { snapshot, snapshotRecord, covered } = generation;
    // What is not covered is shown to nobody: there is nothing to point to.
    if (snapshot === undefined || snapshotRecord === undefined || !covered) return undefined;
    try {
      const secretKey = readKeyFile(keyPathOf(path));
      if (!bytesEqual(secretKey.subarray(32), publicKey)) return undefined;
      const { seq, root } = snapshot;
      return signPointer({ seq, root, modified: snapshotRecord.modified }, secretKey);
    } catch (error) {
      if (!isDrayerError(error)) throw error;
      this.#events.onProblem?.(error);
      return undefined;
    }
  }

  #compare(publicKey: Uint8Array, { seq }: SignedPointer): void {
    const id = formatStreamId(publicKey);
    const stream = this.#put.get(id);
    const here = (stream && this.#generationOf(stream)?.snapshot?.seq) ?? 0;
    if (seq <= here) return;
    this.#events.onBehind?.(id, seq, here);
    this.#daemon?.keeper?.pull(publicKey);
  }

  #generationOf({ path }: Pick<Shown, 'path'>): Generation | undefined {
    try {
      return withReader(path, (reader) => reader.generation());
    } catch (error) {
      // What is wrong with a file is told by who serves it.
      if (isDrayerError(error)) return undefined;
      throw error;
    }
  }

  #note(nodes: readonly string[]): void {
    const now = performance.now();
    if (now - this.#notedMs < NOTE_MS) return;
    this.#notedMs = now;
    writeNodes(this.#config.dataDir, nodes);
  }
}
