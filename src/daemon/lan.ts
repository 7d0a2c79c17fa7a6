/**
 * Local discovery for what a daemon has: tells the networks of each stream it serves, and the daemon of
 * what others have. What is held but not served is never spoken of; news of it is listened for.
 */
import { type DrayerError, isDrayerError } from '../core/errors.ts';
import type { SignedRecord } from '../core/record.ts';
import { formatStreamId } from '../core/stream-id.ts';
import type { NearbyStream } from '../discovery/discovery.ts';
import { LanDiscovery } from '../discovery/lan-discovery.ts';
import type { PeerFinder } from '../mirror/peer-finder.ts';
import type { HostedStream, StreamSet } from '../server/stream-set.ts';
import type { StreamReader } from '../store/reader.ts';
import { withReader } from './stream-facts.ts';

/** A mirror that is held, but not served; or of which nothing has come yet: that one is asked for. */
export type HiddenStream = {
  readonly publicKey: Uint8Array;
  readonly path: string;
  readonly isToCome: boolean;
};

/** What {@link openLan} tells. */
export type LanEvents = {
  /** Somebody has a newer state of a stream that is here; `finder` knows where. */
  readonly onNews?: ((publicKey: Uint8Array, url: string) => void) | undefined;
  /** A stream that is not here is heard of for the first time. */
  readonly onNearby?: ((stream: NearbyStream) => void) | undefined;
  /** It listens on these networks from now on: `eth0 192.168.1.20`. */
  readonly onNetworks?: ((networks: readonly string[]) => void) | undefined;
  readonly onProblem?: ((problem: DrayerError) => void) | undefined;
};

/** What {@link openLan} is told. */
export type LanOptions = LanEvents & {
  /** Where the streams are served. */
  readonly httpPort: number;
  /** Whether everybody is told what is here; otherwise only who asks for a stream by its key. Default: true. */
  readonly announces?: boolean | undefined;
  /** Mirrors that are not served, or not yet. Default: there are none. */
  readonly hidden?: (() => readonly HiddenStream[]) | undefined;
};

/** Local discovery that runs. */
export type Lan = {
  /** Knows who has the streams that are here. */
  readonly finder: PeerFinder;
  /** What others have, and is not here; the one heard last in front. */
  nearby(): readonly NearbyStream[];
  /** Looks now at what is here. Whoever opens it does so again and again. */
  look(): void;
  /** Looks now at the networks; the same holds. */
  lookAtNetworks(): void;
  /** Idempotent. */
  close(): Promise<void>;
};

/** Files of hidden streams are read every so many looks. */
const HIDDEN_EVERY = 10;

/** Starts to tell of the streams of a set, and to listen. */
export async function openLan(set: StreamSet, options: LanOptions): Promise<Lan> {
  const presence = new Presence(set, options);
  await presence.open();
  return presence;
}

class Presence implements Lan {
  readonly finder: PeerFinder;
  readonly #set: StreamSet;
  readonly #options: LanOptions;
  readonly #discovery: LanDiscovery;
  /** By id, who said that he has something newer, until it is here. */
  readonly #news = new Map<string, Map<string, number>>();
  /** By id, what the discovery knows. */
  readonly #known = new Map<
    string,
    { readonly publicKey: Uint8Array; readonly isShown: boolean }
  >();
  /** What was there at the last look. */
  #listed: readonly HostedStream[] | undefined;
  #hasHidden = false;
  /** Asked for again at every change of networks. */
  #toCome: readonly Uint8Array[] = [];
  #turn = 0;
  #stopListening: () => void = () => {};

  constructor(set: StreamSet, options: LanOptions) {
    this.#set = set;
    this.#options = options;
    const { httpPort, announces } = options;
    this.#discovery = new LanDiscovery({ httpPort, announces, lookMs: 0 });
    this.finder = { name: 'lan', find: (publicKey) => this.#discovery.peersOf(publicKey) };
  }

  async open(): Promise<void> {
    this.#stopListening = this.#set.onGeneration(({ publicKey }) => this.#putShown(publicKey));
    this.look();
    await this.#discovery.open();
    void this.#read();
  }

  nearby(): readonly NearbyStream[] {
    return this.#discovery.nearby();
  }

  lookAtNetworks(): void {
    void this.#discovery.look();
  }

  look(): void {
    const listed = this.#set.list();
    const kept = this.#options.hidden?.() ?? [];
    const isSame = listed === this.#listed && kept.length === 0 && !this.#hasHidden;
    this.#turn += 1;
    if (isSame) return;
    this.#listed = listed;
    this.#hasHidden = kept.length > 0;
    const offered = listed.filter(({ isWithheld }) => !isWithheld);
    const shown = new Map(offered.map(({ id, publicKey }) => [id, publicKey]));
    const hidden = new Map(
      kept
        .map((stream) => [formatStreamId(stream.publicKey), stream] as const)
        .filter(([id]) => !shown.has(id)),
    );
    for (const [id, { publicKey, isShown }] of this.#known) {
      if (isShown ? shown.has(id) : hidden.has(id)) continue;
      this.#known.delete(id);
      this.#news.delete(id);
      this.#discovery.remove(publicKey);
    }
    for (const [id, publicKey] of shown) if (!this.#known.has(id)) this.#putShown(publicKey);
    // Nobody tells of their generations.
    const isDue = this.#turn % HIDDEN_EVERY === 0;
    for (const [id, stream] of hidden) {
      const isNew = !this.#known.has(id);
      if (isDue || isNew) this.#putHidden(stream);
      if (isNew && stream.isToCome) this.#discovery.ask(stream.publicKey);
    }
    this.#toCome = [...hidden.values()].flatMap(({ publicKey, isToCome }) => {
      return isToCome ? [publicKey] : [];
    });
  }

  async close(): Promise<void> {
    this.#stopListening();
    await this.#discovery.stop();
  }

  async #read(): Promise<void> {
    const { onNews, onNearby, onNetworks, onProblem } = this.#options;
    for await (const event of this.#discovery) {
      if (event.kind === 'newer') {
        const id = formatStreamId(event.publicKey);
        const news = this.#news.get(id) ?? new Map();
        this.#news.set(id, news.set(event.url, event.modified));
        onNews?.(event.publicKey, event.url);
      } else if (event.kind === 'nearby') onNearby?.(event.stream);
      else if (event.kind === 'networks') {
        onNetworks?.(event.networks);
        for (const publicKey of this.#toCome) this.#discovery.ask(publicKey);
      } else onProblem?.(event.error);
    }
  }

  #putShown(publicKey: Uint8Array): void {
    const record = unlessUnreadable(() => tipOf(this.#set.find(publicKey)));
    this.#put(publicKey, record, true);
  }

  #putHidden({ publicKey, path }: HiddenStream): void {
    this.#put(
      publicKey,
      unlessUnreadable(() => withReader(path, tipOf)),
      false,
    );
  }

  #put(publicKey: Uint8Array, record: SignedRecord | undefined, isShown: boolean): void {
    const id = formatStreamId(publicKey);
    this.#known.set(id, { publicKey, isShown });
    this.#discovery.put({ publicKey, record, isShown });
    const news = this.#news.get(id);
    for (const [url, modified] of news ?? []) {
      if (modified > (record?.modified ?? 0)) continue;
      news?.delete(url);
      this.#discovery.prove(url);
    }
  }
}

function tipOf(reader: StreamReader | undefined): SignedRecord | undefined {
  return reader?.reading(() => {
    const record = reader.view.byModified(reader.view.modifiedTip());
    return record && { ...record, value: undefined };
  });
}

/** What is wrong with a file is told by who serves it. */
function unlessUnreadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isDrayerError(error)) return undefined;
    throw error;
  }
}
