/**
 * Streams that were heard of and are not here. Anybody can invent as many as he likes, so one sender gets
 * a few places, and what has not been heard of for long gives way.
 */
import type { Micros } from '../core/record.ts';
import { formatStreamId } from '../core/stream-id.ts';
import type { NearbyStream } from './discovery.ts';

/** A stream as it was heard of. */
export type Heard = {
  readonly publicKey: Uint8Array;
  readonly modified: Micros;
  /** The sender's. */
  readonly address: string;
  readonly url: string;
  readonly isSigned: boolean;
};

const MOST = 256;
const MOST_OF_ONE = 32;
const MOST_URLS = 4;
/** Not heard of for so long, it is not nearby any more. */
const FORGET_MS = 600_000;

type Entry = NearbyStream & { readonly sender: string; readonly steadyMs: number };

/** What is nearby. The clock is ms since 1970, and is only shown; the steady one, which never jumps, tells what is old. */
export class Nearby {
  readonly #clockMs: () => number;
  readonly #steadyMs: () => number;
  /** By id; the one heard last stands last. */
  readonly #entries = new Map<string, Entry>();

  constructor(clockMs: () => number, steadyMs: () => number) {
    this.#clockMs = clockMs;
    this.#steadyMs = steadyMs;
  }

  /** Takes in a message; returns the stream when it is heard of for the first time. */
  hear({ publicKey, modified, address, url, isSigned }: Heard): NearbyStream | undefined {
    this.#forget();
    const id = formatStreamId(publicKey);
    const before = this.#entries.get(id);
    const now = this.#clockMs();
    if (before === undefined && !this.#makeRoom(address)) return undefined;
    this.#entries.delete(id);
    const entry: Entry = {
      publicKey,
      modified: latest(before, { modified, isSigned }),
      urls: [url, ...(before?.urls ?? []).filter((other) => other !== url)].slice(0, MOST_URLS),
      isSigned: isSigned || before?.isSigned === true,
      firstHeardMs: before?.firstHeardMs ?? now,
      lastHeardMs: now,
      sender: before?.sender ?? address,
      steadyMs: this.#steadyMs(),
    };
    this.#entries.set(id, entry);
    return before === undefined ? withoutSender(entry) : undefined;
  }

  /** It is here now. */
  remove(publicKey: Uint8Array): void {
    this.#entries.delete(formatStreamId(publicKey));
  }

  /** All that is nearby, the one heard last in front. */
  list(): NearbyStream[] {
    this.#forget();
    return [...this.#entries.values()].reverse().map(withoutSender);
  }

  #makeRoom(sender: string): boolean {
    const own = [...this.#entries.values()].filter((entry) => entry.sender === sender);
    if (own.length >= MOST_OF_ONE) return false;
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= MOST && oldest !== undefined) this.#entries.delete(oldest);
    return true;
  }

  #forget(): void {
    const since = this.#steadyMs() - FORGET_MS;
    for (const [id, { steadyMs }] of this.#entries) {
      if (steadyMs >= since) return;
      this.#entries.delete(id);
    }
  }
}

/** What a key has signed counts more than what somebody says. */
function latest(
  before: NearbyStream | undefined,
  now: { readonly modified: Micros; readonly isSigned: boolean },
): Micros {
  if (before === undefined || (now.isSigned && !before.isSigned)) return now.modified;
  if (before.isSigned && !now.isSigned) return before.modified;
  return Math.max(before.modified, now.modified);
}

function withoutSender({ sender: _, steadyMs: __, ...stream }: Entry): NearbyStream {
  return stream;
}
