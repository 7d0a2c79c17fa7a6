/** Who on the local networks says that he has our streams; a little of each, and for a while. */
import type { Micros } from '../core/record.ts';

/** A peer that has a stream. */
export type Peer = { readonly url: string; readonly modified: Micros };

/** What a peer says of a stream that is here. */
export type News = {
  readonly publicKey: Uint8Array;
  readonly modified: Micros;
  readonly address: string;
  readonly url: string;
  /** Whether the stream's key has signed that there is such a state. */
  readonly isSigned: boolean;
};

const MOST_OF_STREAM = 8;
/** Of this many streams; the one heard of longest ago is forgotten first. */
const MOST_STREAMS = 4_096;
const MOST_WAITING = 256;
/** Not heard for so long, a peer has gone: three times what a server of many streams leaves between. */
const FORGET_MS = 180_000;

/** Remembers peers. The clock is ms on any scale that does not jump. */
export class Peers {
  readonly #clockMs: () => number;
  /** By stream; then by URL, the one heard last at the end. */
  readonly #streams = new Map<string, Map<string, Peer & { readonly heardMs: number }>>();
  /** News that could not be looked at yet, the newest of each stream and URL. */
  readonly #waiting = new Map<string, News>();

  constructor(clockMs: () => number) {
    this.#clockMs = clockMs;
  }

  /** A peer has said what it has. */
  hear(id: string, { url, modified }: Peer): void {
    const peers = this.#streams.get(id) ?? new Map();
    this.#streams.delete(id);
    this.#streams.set(id, peers);
    peers.delete(url);
    peers.set(url, { url, modified, heardMs: this.#clockMs() });
    shorten(peers, MOST_OF_STREAM);
    shorten(this.#streams, MOST_STREAMS);
  }

  /**
   * The peers of a stream, the one with the newest state in front. Where some have more than `tip`, only
   * these: one that is gone would be waited for.
   */
  list(id: string, tip: Micros): string[] {
    const since = this.#clockMs() - FORGET_MS;
    const all = [...(this.#streams.get(id)?.values() ?? [])];
    const present = all.filter(({ heardMs }) => heardMs >= since);
    const ahead = present.filter(({ modified }) => modified > tip);
    return (ahead.length > 0 ? ahead : present)
      .sort((a, b) => b.modified - a.modified || b.heardMs - a.heardMs)
      .map(({ url }) => url);
  }

  /** Keeps news for later. */
  wait(id: string, news: News): void {
    const key = `${id} ${news.url}`;
    this.#waiting.delete(key);
    this.#waiting.set(key, news);
    shorten(this.#waiting, MOST_WAITING);
  }

  /** Takes out what waits of one address. */
  takeWaiting(address: string): News[] {
    const taken = [...this.#waiting].filter(([, news]) => news.address === address);
    for (const [key] of taken) this.#waiting.delete(key);
    return taken.map(([, news]) => news);
  }

  /** Forgets a stream. */
  remove(id: string): void {
    this.#streams.delete(id);
  }
}

function shorten(map: Map<string, unknown>, most: number): void {
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}
