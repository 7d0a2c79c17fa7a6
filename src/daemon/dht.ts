/**
 * The mainline DHT for what a daemon serves and keeps: announces what is served, looks up all of it, signs
 * pointers to what is our own, and tells where a key has signed something newer than is here.
 */
import { existsSync } from 'node:fs';
import type { DhtConfig } from '../config/dht-config.ts';
import { type DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { parseStreamId } from '../core/stream-id.ts';
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

type Shown = { readonly publicKey: Uint8Array; readonly path: string; readonly isServed: boolean };
type WithKeeper = Partial<{ readonly keeper: MirrorKeeper | undefined }>;

class World {
  readonly dht: DhtDiscovery;
  readonly #config: DhtConfig & { readonly dataDir: string };
  readonly #events: DhtEvents;
  readonly #options: DaemonOptions;
  /** By id; what was said of it last. */
  readonly #put = new Map<string, { readonly stream: Shown; readonly tip: string }>();
  readonly #disagreeing = new Set<string>();
  /** By id, how many looks in a row have shown something older than is here. */
  readonly #older = new Map<string, number>();
  /** Of own streams, by id: read once, and then told. */
  readonly #generations = new Map<string, Generation | undefined>();
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
    return [...this.#disagreeing].map((id) => Buffer.from(id, 'hex').toString('base64'));
  }

  /** A stream has another generation. */
  changed({ publicKey, generation }: Pick<GenerationEvent, 'publicKey' | 'generation'>): void {
    this.#generations.set(Buffer.from(publicKey).toString('hex'), generation);
    this.look();
  }

  /** Looks now at what is here. */
  look(): void {
    const shown = new Map(this.#list());
    for (const [id, { stream }] of this.#put) {
      if (shown.has(id)) continue;
      this.#put.delete(id);
      this.#generations.delete(id);
      this.#older.delete(id);
      this.#disagreeing.delete(id);
      this.dht.remove(stream.publicKey);
    }
    for (const [id, stream] of shown) this.#tell(id, stream);
  }

  /** What is kept and not served too: those held for nobody, and those of which nothing has come yet. */
  #list(): (readonly [string, Shown])[] {
    const served = this.#daemon?.served() ?? [];
    const kept = this.#daemon?.keeper?.list() ?? [];
    return [
      ...kept.map(({ id, path }) => ({ publicKey: parseStreamId(id), path, isServed: false })),
      ...served.map(({ id, path }) => ({ publicKey: parseStreamId(id), path, isServed: true })),
    ].map((stream) => [Buffer.from(stream.publicKey).toString('hex'), stream]);
  }

  #tell(id: string, stream: Shown): void {
    const isOwn = existsSync(keyPathOf(stream.path));
    if (isOwn && !this.#generations.has(id)) {
      this.#generations.set(id, this.#generationOf(stream));
    }
    const generation = isOwn ? this.#generations.get(id) : undefined;
    const port = stream.isServed ? this.#port() : 0;
    const tip = `${stream.isServed} ${port} ${generation?.tip ?? 0}`;
    if (this.#put.get(id)?.tip !== tip) {
      this.#put.set(id, { stream, tip });
      const pointer = generation && this.#sign(stream, generation);
      this.dht.put({ publicKey: stream.publicKey, port, pointer });
    }
  }

  /** A stream has been looked up: does the DHT show less than there is? */
  #judge(publicKey: Uint8Array): void {
    const id = Buffer.from(publicKey).toString('hex');
    const { disagrees, shown } = this.dht.known(publicKey);
    const stream = this.#put.get(id)?.stream;
    const here = (shown && stream && this.#generationOf(stream)?.snapshot?.seq) ?? 0;
    // Of one look it may be that the newest has not got there yet.
    const older = (shown?.seq ?? here) < here ? (this.#older.get(id) ?? 0) + 1 : 0;
    this.#older.set(id, older);
    if (!disagrees && older < OLDER_LOOKS) this.#disagreeing.delete(id);
    else if (!this.#disagreeing.has(id)) {
      this.#disagreeing.add(id);
      this.#events.onDisagree?.(Buffer.from(publicKey).toString('base64'));
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

  #sign({ publicKey, path }: Shown, generation: Generation): SignedPointer | undefined {
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
    const id = Buffer.from(publicKey).toString('hex');
    const stream = this.#put.get(id)?.stream;
    const here = (stream && this.#generationOf(stream)?.snapshot?.seq) ?? 0;
    if (seq <= here) return;
    this.#events.onBehind?.(Buffer.from(publicKey).toString('base64'), seq, here);
    this.#daemon?.keeper?.pull(publicKey);
  }

  #generationOf({ path }: Shown): Generation | undefined {
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
