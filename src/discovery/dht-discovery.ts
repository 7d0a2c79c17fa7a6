/**
 * Who in the world has our streams: the mainline DHT (PROTOCOL.md §11), in a process of its own. What
 * comes out of it is a hint: addresses that strangers have given, each handed out rarely, and pointers
 * that the key of the stream has signed. It dials nobody: whoever asks for its peers does.
 */
import { formatStreamId } from '../core/stream-id.ts';
import { isAnyUnicast, isGlobalUnicast, type MayReach } from './dht-address.ts';
import {
  type DhtReport,
  fromHex,
  fromWire,
  peersAmong,
  readReport,
  toHex,
  toWire,
} from './dht-messages.ts';
import { isSignedBy, type SignedPointer } from './dht-pointer.ts';
import { DhtProcess, type DhtProcessOptions } from './dht-process.ts';
import { Limiter } from './limiter.ts';
import { urlOf } from './networks.ts';

/** What {@link DhtDiscovery} is told. */
export type DhtOptions = Pick<DhtProcessOptions, 'memoryMb' | 'aliveMs' | 'againMs'> & {
  /** `HOST:PORT` of the nodes to begin with; none: only those remembered. Default: the usual public ones. */
  readonly bootstrap?: readonly string[] | undefined;
  /** Nodes that were there the last time, `HOST:PORT`. Default: none. */
  readonly remembered?: readonly string[] | undefined;
  /** UDP port it asks from. Default: any free one. */
  readonly port?: number | undefined;
  /** Address it asks from. Default: whatever leads there. */
  readonly host?: string | undefined;
  /** Between two looks at one stream, ms. Default: 15 minutes. */
  readonly everyMs?: number | undefined;
  /** Also addresses that are not of the public network; for networks made for tests. Default: false. */
  readonly anyAddress?: boolean | undefined;
  /** Peers of a stream were found that were not known. */
  readonly onPeers?: ((publicKey: Uint8Array) => void) | undefined;
  /** A stream has been looked up; so many nodes answered. Told after the others. */
  readonly onLook?: ((publicKey: Uint8Array, replies: number) => void) | undefined;
  /** The key of a stream has signed a newer pointer than any known here. */
  readonly onPointer?: ((publicKey: Uint8Array, pointer: SignedPointer) => void) | undefined;
  /** It has reached the DHT, or not: why, and after how many ms it tries again. */
  readonly onState?: ((state: DhtState) => void) | undefined;
  /** Nodes worth remembering, now and then. */
  readonly onNodes?: ((nodes: readonly string[]) => void) | undefined;
};

/** How the process of the DHT is doing. */
export type DhtState =
  | { readonly is: 'up'; readonly port: number }
  | { readonly is: 'down'; readonly reason: string; readonly againMs: number };

/** What is known of one stream. */
export type DhtKnown = {
  /** Who says that he has it, `http://ADDRESS:PORT`. */
  readonly urls: readonly string[];
  /** The newest that was found. */
  readonly pointer: SignedPointer | undefined;
  /** What the DHT showed when it was looked up last, signed by the key. */
  readonly shown: SignedPointer | undefined;
  /** How many nodes answered when it was looked up last; undefined before. */
  readonly replies: number | undefined;
  /** The DHT shows something older than the key has signed, or something else: somebody hides it. */
  readonly disagrees: boolean;
};

/** A stream to look up. */
export type DhtWanted = {
  readonly publicKey: Uint8Array;
  /** Where it is served for everybody; 0: it is looked up, and nothing is said of it. */
  readonly port: number;
  /** What its key has signed, where that is known here. */
  readonly pointer?: SignedPointer | undefined;
};

/** The usual first nodes, of three operators. */
export const PUBLIC_NODES: readonly string[] = [
  'router.bittorrent.com:6881',
  'dht.transmissionbt.com:6881',
  'dht.libtorrent.org:25401',
];

const EVERY_MS = 15 * 60_000;
/** Who is no more there after three looks has gone. */
const FORGET_LOOKS = 3;
/** One host is dialled for strangers' words at most so often. */
const HOST_LIMIT = { burst: 1, everyMs: 10_000 };
const MOST_HOSTS = 4_096;
const NAMED_MS = 600_000;

type Entry = {
  wanted: DhtWanted;
  /** `HOST:PORT` and the look it was seen in last. */
  readonly peers: Map<string, number>;
  /** When each address was given out. */
  readonly named: Map<string, number>;
  looks: number;
  found: SignedPointer | undefined;
  shown: SignedPointer | undefined;
  replies: number | undefined;
  disagrees: boolean;
};

/** The DHT. Begun by {@link DhtDiscovery.open}, ended by {@link DhtDiscovery.stop}. */
export class DhtDiscovery {
  readonly #options: DhtOptions;
  readonly #mayReach: MayReach;
  readonly #process: DhtProcess;
  readonly #hosts = new Limiter(HOST_LIMIT, () => performance.now(), MOST_HOSTS);
  readonly #streams = new Map<string, Entry>();
  #remembered: readonly string[];
  /** Why the process that is about to end does so. */
  #failure: string | undefined;
  #traffic: { readonly sent: number; readonly dropped: number } = { sent: 0, dropped: 0 };

  constructor(options: DhtOptions) {
    this.#options = options;
    this.#mayReach = options.anyAddress === true ? isAnyUnicast : isGlobalUnicast;
    this.#remembered = options.remembered ?? [];
    this.#process = new DhtProcess({
      ...options,
      onBegin: () => this.#begin(),
      onMessage: (message) => this.#hear(readReport(message)),
      onEnd: (how, againMs) => {
        const reason = this.#failure ?? how;
        this.#failure = undefined;
        options.onState?.({ is: 'down', reason, againMs });
      },
    });
  }

  /** Id of the process; undefined while there is none. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Packets sent, and packets of strangers dropped, by the process that runs; of some seconds ago. */
  get traffic(): { readonly sent: number; readonly dropped: number } {
    return this.#traffic;
  }

  /** Begins; from now on packets leave this machine. */
  open(): void {
    this.#process.begin();
  }

  /** Looks a stream up from now on, and announces it if it has a port. */
  put(wanted: DhtWanted): void {
    const id = formatStreamId(wanted.publicKey);
    const entry = this.#streams.get(id);
    if (entry !== undefined) entry.wanted = wanted;
    else {
      const nothing = { found: undefined, shown: undefined, replies: undefined };
      const rest = { looks: 0, ...nothing, disagrees: false };
      this.#streams.set(id, { wanted, peers: new Map(), named: new Map(), ...rest });
    }
    this.#tell(wanted);
  }

  /** Does not look a stream up any more; what the DHT has of it stays there for up to two hours. */
  remove(publicKey: Uint8Array): void {
    this.#streams.delete(formatStreamId(publicKey));
    this.#process.tell({ do: 'remove', key: toHex(publicKey) });
  }

  /**
   * Who may be dialled for a stream now. Each host is named once in 10 s, whatever it is for, and for one
   * stream once in 10 minutes: who it was named to knows by then whether it is good.
   */
  peersOf(publicKey: Uint8Array): readonly string[] {
    const entry = this.#streams.get(formatStreamId(publicKey));
    const now = performance.now();
    return this.known(publicKey).urls.filter((url) => {
      const { hostname } = new URL(url);
      const isRecent = now - (entry?.named.get(url) ?? Number.NEGATIVE_INFINITY) < NAMED_MS;
      if (isRecent || !this.#hosts.take(hostname)) return false;
      entry?.named.set(url, now);
      return true;
    });
  }

  /** What is known of a stream. */
  known(publicKey: Uint8Array): DhtKnown {
    const entry = this.#streams.get(formatStreamId(publicKey));
    const peers = peersAmong([...(entry?.peers.keys() ?? [])], this.#mayReach);
    return {
      urls: peers.map(({ host, port }) => urlOf(host, port)),
      pointer: entry?.found,
      shown: entry?.shown,
      replies: entry?.replies,
      disagrees: entry?.disagrees ?? false,
    };
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    await this.#process.close();
  }

  #begin(): void {
    const { bootstrap = PUBLIC_NODES, port = 0, host, everyMs = EVERY_MS } = this.#options;
    const { anyAddress = false } = this.#options;
    const remembered = this.#remembered;
    this.#process.tell({ do: 'open', bootstrap, remembered, port, host, everyMs, anyAddress });
    for (const { wanted } of this.#streams.values()) this.#tell(wanted);
  }

  #tell({ publicKey, port, pointer }: DhtWanted): void {
    const wire = pointer && toWire(pointer);
    this.#process.tell({ do: 'put', key: toHex(publicKey), port, pointer: wire });
  }

  #hear(report: DhtReport | undefined): void {
    const { onState, onNodes } = this.#options;
    switch (report?.is) {
      case 'ready':
        onState?.({ is: 'up', port: report.port });
        return;
      case 'failed':
        // It ends now, and that is told with this.
        this.#failure = report.message;
        return;
      case 'alive':
        this.#traffic = report;
        if (report.nodes.length === 0) return;
        this.#remembered = report.nodes;
        onNodes?.(report.nodes);
        return;
      case 'found':
        this.#take(report);
    }
  }

  #take({ key, peers, pointer, replies }: Extract<DhtReport, { is: 'found' }>): void {
    const publicKey = fromHex(key);
    const entry = publicKey.length === 32 && this.#streams.get(formatStreamId(publicKey));
    if (!entry) return;
    entry.replies = replies;
    entry.looks += 1;
    const isNew = peers.some((peer) => !entry.peers.has(peer));
    for (const peer of peers) entry.peers.set(peer, entry.looks);
    for (const [peer, look] of entry.peers) {
      if (entry.looks - look < FORGET_LOOKS) continue;
      entry.peers.delete(peer);
      entry.named.delete(peer);
    }
    this.#compare(entry, pointer && fromWire(pointer));
    if (isNew) this.#options.onPeers?.(publicKey);
    this.#options.onLook?.(publicKey, replies);
  }

  #compare(entry: Entry, found: SignedPointer | undefined): void {
    const { publicKey, pointer: own } = entry.wanted;
    const isSigned = found !== undefined && isSignedBy(found, publicKey);
    const known = newest(own, entry.found);
    // Not found at all says little: it is forgotten after two hours where nobody puts it again.
    entry.shown = isSigned ? found : undefined;
    entry.disagrees = isSigned && known !== undefined && isOtherThan(found, known);
    if (!isSigned || found.seq <= (known?.seq ?? 0)) return;
    entry.found = found;
    this.#options.onPointer?.(publicKey, found);
  }
}

function newest(a: SignedPointer | undefined, b: SignedPointer | undefined) {
  return (a?.seq ?? 0) >= (b?.seq ?? 0) ? a : b;
}

function isOtherThan(found: SignedPointer, known: SignedPointer): boolean {
  if (found.seq !== known.seq) return found.seq < known.seq;
  return Buffer.compare(found.root, known.root) !== 0;
}
