/**
 * This machine in the mainline DHT, for the child process alone: looks up every stream it is told of,
 * announces those that are served, and puts and gets their signed pointers, now and then, a few at a
 * time. It asks and never answers.
 */
import { createHash } from 'node:crypto';
import DHT from 'bittorrent-dht';
import { verify } from '#crypto';
import { isAnyUnicast, isGlobalUnicast, type MayReach, parseContact } from './dht-address.ts';
import { infoHashOf, isSignedBy, SALT, type SignedPointer, valueIn } from './dht-pointer.ts';
import { QuerySocket, type Traffic } from './dht-socket.ts';
import { inTurn } from './dht-told.ts';

/** A stream that is looked up. */
export type DhtStream = {
  readonly publicKey: Uint8Array;
  /** Where it is served, for others to know; 0: nothing is said. */
  readonly port: number;
  /** What its key has signed last, as far as is known here; put where the DHT knows nothing newer. */
  readonly pointer?: SignedPointer | undefined;
};

/** What was found for a stream. */
export type DhtFound = {
  readonly publicKey: Uint8Array;
  /** `HOST:PORT` of who says he has it, those of different tellers in turn. */
  readonly peers: readonly string[];
  /** The newest that its key has signed. */
  readonly pointer: SignedPointer | undefined;
  /** How many nodes have answered. */
  readonly replies: number;
};

/** What a {@link DhtNode} is told. */
export type DhtNodeOptions = {
  /** `HOST:PORT` of nodes to begin with. */
  readonly bootstrap: readonly string[];
  /** Nodes that were there lately. */
  readonly remembered: readonly string[];
  /** UDP port; 0 for any free one. */
  readonly port: number;
  readonly host?: string | undefined;
  /** Also addresses that are not of the public network; for networks made for tests. */
  readonly anyAddress?: boolean | undefined;
  /** Between two looks at one stream, ms. */
  readonly everyMs: number;
  readonly onFound: (found: DhtFound) => void;
};

/** So many streams are looked up at the same time. */
const AT_ONCE = 3;
const TIMEOUT_MS = 2_000;
/** Who always names one more node that is nearer keeps a look-up going for ever. */
const LONGEST_MS = 45_000;
const MOST_NODES = 60;
/** A stream that is not here yet, and has no peers, is looked up sooner: after this share of the usual time. */
const SOONER = 1 / 8;

/** A node that only asks. Opened by {@link DhtNode.open}, closed by {@link DhtNode.close}. */
export class DhtNode {
  readonly #options: DhtNodeOptions;
  readonly #socket: QuerySocket;
  readonly #dht: DHT;
  readonly #mayReach: MayReach;
  /** By key, in hex. */
  readonly #streams = new Map<string, Entry>();
  /** What each node says in a look-up that is under way, by infohash. */
  readonly #heard = new Map<string, Map<string, string[]>>();
  #busy = 0;
  #isReady = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DhtNodeOptions) {
    this.#options = options;
    this.#mayReach = options.anyAddress === true ? isAnyUnicast : isGlobalUnicast;
    this.#socket = new QuerySocket(this.#mayReach);
    this.#dht = new DHT({
      socket: this.#socket,
      bootstrap: options.bootstrap.length > 0 ? options.bootstrap : false,
      timeout: TIMEOUT_MS,
      verify: (signature, message, publicKey) => verify(signature, message, publicKey),
    });
    deafen(this.#dht);
    // What a single stranger does wrong is nobody's problem here.
    this.#dht.on('warning', () => {});
    this.#dht.on('peer', (peer: Peer, hash: Buffer, from: unknown) => this.#hear(peer, hash, from));
  }

  /**
   * Begins.
   *
   * @throws {Error} of the system when the port cannot be listened on
   */
  async open(): Promise<void> {
    const { port, host = '0.0.0.0', remembered } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#dht.once('error', reject);
      this.#dht.listen(port, host, () => {
        this.#dht.removeListener('error', reject);
        resolve();
      });
    });
    this.#dht.on('error', () => {});
    for (const text of remembered) {
      const contact = parseContact(text);
      if (contact !== undefined && this.#mayReach(contact.host)) this.#dht.addNode(contact);
    }
    // The first look-ups would find nobody to ask. Without nodes to begin with it was ready from the start.
    if (!this.#dht.ready) {
      await new Promise<void>((resolve) => this.#dht.once('ready', () => resolve()));
    }
    this.#isReady = true;
    this.#next();
  }

  /** UDP port it asks from. */
  get port(): number {
    return this.#dht.address().port;
  }

  get traffic(): Readonly<Traffic> {
    return this.#socket.traffic;
  }

  /** Looks a stream up from now on, now first. */
  put(stream: DhtStream): void {
    const id = idOf(stream.publicKey);
    const entry = this.#streams.get(id);
    if (entry === undefined) this.#streams.set(id, { stream, dueMs: 0, isBusy: false });
    else {
      entry.stream = { ...stream, pointer: newest(stream.pointer, entry.stream.pointer) };
      entry.dueMs = 0;
    }
    this.#next();
  }

  remove(publicKey: Uint8Array): void {
    this.#streams.delete(idOf(publicKey));
  }

  /** Nodes that are there, `HOST:PORT`. */
  nodes(): string[] {
    const { nodes } = this.#dht.toJSON();
    return nodes.slice(0, MOST_NODES).map(({ host, port }) => `${host}:${port}`);
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#streams.clear();
    await new Promise<void>((resolve) => this.#dht.destroy(resolve));
  }

  #next(): void {
    clearTimeout(this.#timer);
    if (this.#dht.destroyed || !this.#isReady) return;
    const now = performance.now();
    let firstMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#streams.values()) {
      if (entry.isBusy) continue;
      if (entry.dueMs > now) firstMs = Math.min(firstMs, entry.dueMs);
      else if (this.#busy < AT_ONCE) void this.#look(entry);
    }
    if (this.#busy >= AT_ONCE || firstMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#next(), firstMs - now);
  }

  async #look(entry: Entry): Promise<void> {
    this.#busy += 1;
    entry.isBusy = true;
    entry.dueMs = Number.POSITIVE_INFINITY;
    const hasPeers = await this.#round(entry);
    const { everyMs } = this.#options;
    const share = hasPeers || entry.stream.port > 0 ? 1 : SOONER;
    const usualMs = everyMs * (0.8 + 0.4 * Math.random()) * share;
    // Told of anew meanwhile: due now.
    if (entry.dueMs !== 0) entry.dueMs = performance.now() + usualMs;
    entry.isBusy = false;
    this.#busy -= 1;
    this.#next();
  }

  /** Everything for one stream; true if somebody else has it. */
  async #round(entry: Entry): Promise<boolean> {
    const { publicKey, port } = entry.stream;
    const hash = infoHashOf(publicKey);
    const heard = new Map<string, string[]>();
    this.#heard.set(idOf(hash), heard);
    // Beside each other: each takes some seconds, most of them for nodes that are gone.
    const [replies, pointer] = await Promise.all([this.#lookup(hash), this.#pointerOf(publicKey)]);
    this.#heard.delete(idOf(hash));
    const best = newest(entry.stream.pointer, pointer);
    entry.stream = { ...entry.stream, pointer: best };
    await Promise.all([
      port > 0 ? done((settle) => this.#dht.announce(hash, port, settle)) : undefined,
      // Also another's: what nobody puts again is forgotten.
      best && this.#putPointer(publicKey, best),
    ]);
    if (this.#dht.destroyed) return true;
    const peers = inTurn(heard);
    this.#options.onFound({ publicKey, peers, pointer, replies });
    return peers.length > 0;
  }

  /** Returns how many nodes have answered; what they say of peers comes to {@link DhtNode.#hear}. */
  async #lookup(hash: Uint8Array): Promise<number> {
    let abort = (): void => {};
    const replies = await done<number>((settle) => {
      abort = this.#dht.lookup(hash, settle);
    });
    abort();
    return replies ?? 0;
  }

  async #pointerOf(publicKey: Uint8Array): Promise<SignedPointer | undefined> {
    const target = createHash('sha1').update(publicKey).update(SALT).digest();
    const item = await done((settle: Settle<DhtItem>) =>
      this.#dht.get(target, { salt: SALT, cache: false }, settle),
    );
    const { m, r } = (item?.v ?? {}) as { m?: unknown; r?: unknown };
    if (!item || typeof m !== 'number' || !(r instanceof Uint8Array)) return undefined;
    const { seq, sig } = item;
    const pointer = { seq, modified: m, root: Uint8Array.from(r), signature: Uint8Array.from(sig) };
    return isSignedBy(pointer, publicKey) ? pointer : undefined;
  }

  async #putPointer(publicKey: Uint8Array, pointer: SignedPointer): Promise<void> {
    const item = {
      k: Buffer.from(publicKey),
      salt: Buffer.from(SALT),
      seq: pointer.seq,
      v: valueIn(pointer),
      sig: Buffer.from(pointer.signature),
    };
    await done((settle) => void this.#dht.put(item, settle));
  }

  #hear({ host, port }: Peer, hash: Buffer, from: unknown): void {
    const heard = this.#heard.get(idOf(hash));
    if (heard === undefined || !isContact(from)) return;
    const teller = `${from.address ?? from.host}:${from.port}`;
    const told = heard.get(teller) ?? [];
    heard.set(teller, told);
    told.push(`${host}:${port}`);
  }
}

type Entry = { stream: DhtStream; dueMs: number; isBusy: boolean };
type Peer = { readonly host: string; readonly port: number };
type DhtItem = { readonly v: unknown; readonly seq: number; readonly sig: Uint8Array } | null;
type Settle<T> = (error?: Error | null, result?: T) => void;

/** The first where both are of one generation. */
function newest(
  a: SignedPointer | undefined,
  b: SignedPointer | undefined,
): SignedPointer | undefined {
  return (b?.seq ?? 0) > (a?.seq ?? 0) ? b : a;
}

/**
 * Takes from the library what listens to queries: its handlers throw on a field of another type than they
 * expect, and answer with many times what they are sent. The socket lets none in; this holds without it.
 */
export function deafen(dht: DHT): void {
  dht._rpc.removeAllListeners('query');
  dht._rpc.socket.removeAllListeners('query');
}

/** The result, or nothing where it failed: there is always a next time. */
function done<T = unknown>(start: (settle: Settle<T>) => void): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), LONGEST_MS);
    start((error, result) => {
      clearTimeout(timer);
      resolve(error ? undefined : result);
    });
  });
}

function isContact(
  from: unknown,
): from is { readonly address?: string; readonly host?: string; readonly port: number } {
  return typeof from === 'object' && from !== null && 'port' in from;
}

function idOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
