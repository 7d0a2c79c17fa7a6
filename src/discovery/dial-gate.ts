/**
 * Where a datagram may send this machine (THREATS A21): anybody on the network can write one, so only
 * whoever has sent it is asked, on a port where no other service is likely, and rarely. Who turned out to
 * have what was announced is asked whenever its streams have news.
 */
import { Limiter } from './limiter.ts';

/** A message that says where to go. */
export type Invitation = {
  /** Base64. */
  readonly id: string;
  /** The sender's address. */
  readonly address: string;
  /** Where it says that its server is, at that address. */
  readonly url: string;
  /** Whether the stream's key has signed that there is something to get. */
  readonly isSigned: boolean;
};

const HOST_EVERY_MS = 10_000;
const STREAM_LIMIT = { burst: 2, everyMs: 10_000 };
const HINT_LIMIT = { burst: 1, everyMs: 10_000 };
/** Who is known is asked whenever there is something new, but not in a loop. */
const KNOWN_LIMIT = { burst: 10, everyMs: 200 };
const MOST_KNOWN = 256;

/** Decides who is asked now. */
export class DialGate {
  readonly #hosts: Limiter;
  readonly #streams: Limiter;
  readonly #hints: Limiter;
  readonly #known: Limiter;
  /** Servers that had what was announced; another port of the same address may be anybody's. */
  readonly #proved = new Set<string>();

  constructor(clockMs: () => number) {
    this.#hosts = new Limiter({ burst: 1, everyMs: HOST_EVERY_MS }, clockMs);
    this.#streams = new Limiter(STREAM_LIMIT, clockMs);
    this.#hints = new Limiter(HINT_LIMIT, clockMs);
    this.#known = new Limiter(KNOWN_LIMIT, clockMs);
  }

  /** Tells whether the sender may be asked now, and counts it. */
  pass({ id, address, url, isSigned }: Invitation): boolean {
    if (isSigned && this.#proved.has(url)) return this.#known.take(`${url} ${id}`);
    // Hints have a count of their own: they must not use up what signed messages are allowed.
    const streams = isSigned ? this.#streams : this.#hints;
    return this.#hosts.has(address) && streams.take(id) && this.#hosts.take(address);
  }

  /** The sender had something new indeed. */
  prove({ address, url }: Pick<Invitation, 'address' | 'url'>): void {
    this.#hosts.forgive(address);
    this.#proved.delete(url);
    this.#proved.add(url);
    const [oldest] = this.#proved;
    if (this.#proved.size > MOST_KNOWN && oldest !== undefined) this.#proved.delete(oldest);
  }
}
