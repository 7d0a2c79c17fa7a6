/**
 * Mirrors what is heard of nearby, without a question: for kiosks and library shelves. Nobody here has
 * chosen these streams, and anybody on the network can make any number of them. So there is room for so
 * many and so much, reserved before anything is fetched; nothing that is here gives way to what comes; one
 * machine gets no more than its share; and what fails leaves nothing behind.
 */
import { statfs } from 'node:fs/promises';
import { type DrayerError, isDrayerError } from '../core/errors.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import type { NearbyStream } from '../discovery/discovery.ts';
import { mirrorPathOf } from '../mirror/data-dir.ts';
import type { IsDenied } from '../server/denied-streams.ts';
import type { KeptState } from './kept-mirrors.ts';
import type { MirrorKeeper } from './mirror-keeper.ts';
import { removeRemains } from './remove-mirror.ts';

/** How much is taken unasked. */
export type AutoLimits = {
  /** Most streams. Default: 50. */
  readonly streams?: number | undefined;
  /** Most bytes of one stream. Default: 100 MB. */
  readonly streamBytes?: number | undefined;
  /** Most bytes of all of them; what each may have is reserved. Default: 5 GB. */
  readonly totalBytes?: number | undefined;
  /** Nothing is taken that could leave less on the disk. Default: 1 GB. */
  readonly freeBytes?: number | undefined;
};

/** What {@link AutoMirror} tells. */
export type AutoEvents = {
  /** It begins, with these limits. */
  readonly onBegin?: ((limits: Readonly<Record<keyof AutoLimits, number>>) => void) | undefined;
  readonly onTaken?: ((id: string, url: string, bytes: number) => void) | undefined;
  readonly onFailed?: ((id: string, url: string, problem: DrayerError) => void) | undefined;
  /** Why no more are taken; told once until it is another reason. */
  readonly onFull?: ((reason: string) => void) | undefined;
};

/** What {@link AutoMirror} is told. */
export type AutoOptions = {
  readonly dataDir: string;
  readonly limits: AutoLimits;
  readonly events?: AutoEvents | undefined;
  readonly keeper: Pick<MirrorKeeper, 'list' | 'mirror' | 'remove'>;
  readonly nearby: () => readonly NearbyStream[];
  /** Streams that are never taken. */
  readonly isDenied: IsDenied;
  /** A mirror is there to be served. */
  readonly onPath: (path: string) => void;
  /** It is removed: whoever has it open closes it. */
  readonly onGone: (path: string) => void;
  readonly onError: (error: unknown) => void;
  /** Bytes that are free where the mirrors are. Default: asked of the system. */
  readonly freeBytes?: (() => Promise<number>) | undefined;
  /** ms on any scale that does not jump. */
  readonly clockMs?: (() => number) | undefined;
};

const STREAMS = 50;
const STREAM_BYTES = 100_000_000;
const TOTAL_BYTES = 5_000_000_000;
const FREE_BYTES = 1_000_000_000;
/** A record without a value takes room too: so many bytes of the quota for each. */
const BYTES_OF_RECORD = 2_000;
/** While a generation comes, the one before is still there. */
const COPIES = 2;
/** Machines that are asked at once. */
const AT_ONCE = 4;
const LOOK_MS = 5_000;
/** Who gives a stream too slowly does not get to keep its place. */
const PATIENCE_MS = 900_000;
/** A machine, or a stream, that was of no use is left alone: doubled each time, up to the last. */
const FIRST_REST_MS = 30_000;
const LAST_REST_MS = 3_600_000;
const MOST_RESTS = 1_024;

type Rest = { readonly untilMs: number; readonly lengthMs: number };
type Candidate = {
  readonly id: string;
  readonly url: string;
  readonly host: string;
  /** Nobody else says that he has it: where this one fails, it is left alone. */
  readonly isLast: boolean;
};

/** Takes streams while it is open. Closed by {@link AutoMirror.close}. */
export class AutoMirror {
  readonly #options: AutoOptions;
  readonly #limits: Readonly<Record<keyof AutoLimits, number>>;
  readonly #clockMs: () => number;
  /** By host and by id. */
  readonly #rests = new Map<string, Rest>();
  /** By host: what is being fetched. */
  readonly #running = new Map<string, Promise<void>>();
  /** Reserved for what is being fetched, by id. */
  readonly #reserved = new Map<string, number>();
  readonly #closing = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #reason: string | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: AutoOptions) {
    this.#options = options;
    this.#clockMs = options.clockMs ?? (() => performance.now());
    const { streams, streamBytes, totalBytes, freeBytes } = options.limits;
    this.#limits = {
      streams: streams ?? STREAMS,
      streamBytes: streamBytes ?? STREAM_BYTES,
      totalBytes: totalBytes ?? TOTAL_BYTES,
      freeBytes: freeBytes ?? FREE_BYTES,
    };
    options.events?.onBegin?.(this.#limits);
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.#timer.unref();
  }

  /** Looks now at what is nearby. */
  look(): void {
    if (this.#closing.signal.aborted || this.#looking !== undefined) return;
    this.#looking = this.#look()
      .catch(this.#options.onError)
      .finally(() => {
        this.#looking = undefined;
      });
  }

  /** Resolves when nothing is being looked at or fetched. */
  async idle(): Promise<void> {
    while (this.#looking !== undefined || this.#running.size > 0) {
      await this.#looking;
      await Promise.all(this.#running.values());
    }
  }

  /** Ends what is being fetched. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await this.idle();
  }

  async #look(): Promise<void> {
    await this.#dropDenied();
    for (const candidate of this.#candidates()) {
      if (this.#running.size >= AT_ONCE || this.#closing.signal.aborted) return;
      if (this.#running.has(candidate.host)) continue;
      const reason = await this.#whyNot();
      if (reason !== undefined) return this.#tellFull(reason);
      this.#reason = undefined;
      this.#begin(candidate);
    }
  }

  /** What an operator denies makes room: nobody had chosen it. */
  async #dropDenied(): Promise<void> {
    for (const { id, isAuto } of this.#options.keeper.list()) {
      if (isAuto !== true || !this.#options.isDenied(parseStreamId(id))) continue;
      await this.#options.keeper.remove(id, this.#options.onGone);
    }
  }

  /** What may be taken now: signed words first, and of those the machine of which the least is here. */
  #candidates(): Candidate[] {
    const { keeper, nearby, isDenied } = this.#options;
    const kept = keeper.list();
    const here = new Set(kept.map(({ id }) => id));
    const counts = countByHost(kept);
    const most = Math.max(1, Math.floor(this.#limits.streams / 2));
    return nearby()
      .flatMap(({ publicKey, urls, isSigned }) => {
        const id = formatStreamId(publicKey);
        if (here.has(id) || isDenied(publicKey) || this.#isResting(id)) return [];
        // Who said it last may have it or not: he does not keep it from coming from another.
        const [first, ...others] = urls
          .map((url) => ({ url, host: new URL(url).hostname }))
          .map((one) => ({ ...one, count: counts.get(one.host) ?? 0 }))
          .filter(({ host, count }) => count < most && !this.#isResting(host));
        if (first === undefined) return [];
        const isLast = others.every(({ host }) => host === first.host);
        return [{ id, ...first, isLast, isSigned }];
      })
      .sort((a, b) => Number(b.isSigned) - Number(a.isSigned) || a.count - b.count);
  }

  /** Why nothing can be taken now. */
  async #whyNot(): Promise<string | undefined> {
    const { streams, streamBytes, totalBytes, freeBytes } = this.#limits;
    const auto = this.#options.keeper.list().filter(({ isAuto }) => isAuto === true);
    const taken = auto.length + this.#reserved.size;
    if (taken >= streams) return `there are ${taken} of ${streams} streams`;
    const kept = auto.reduce((sum, { quota }) => sum + (quota?.bytes ?? streamBytes), 0);
    const coming = [...this.#reserved.values()].reduce((sum, bytes) => sum + bytes, 0);
    if (kept + coming + streamBytes > totalBytes) {
      return `${kept + coming} of ${totalBytes} bytes are reserved, and ${streamBytes} more do not fit`;
    }
    const free = await (this.#options.freeBytes ?? (() => freeIn(this.#options.dataDir)))();
    const least = freeBytes + COPIES * (coming + streamBytes);
    if (free < least) return `${free} bytes are free on the disk, ${least} are to be`;
    return undefined;
  }

  #begin(candidate: Candidate): void {
    const { id, host } = candidate;
    this.#reserved.set(id, this.#limits.streamBytes);
    const run = this.#take(candidate).finally(() => {
      this.#reserved.delete(id);
      this.#running.delete(host);
      // The next of this machine, and what had to wait.
      this.look();
    });
    this.#running.set(host, run.catch(this.#options.onError));
  }

  async #take({ id, url, host, isLast }: Candidate): Promise<void> {
    const { keeper, dataDir, events = {}, onPath } = this.#options;
    const { streamBytes } = this.#limits;
    const records = Math.max(1, Math.floor(streamBytes / BYTES_OF_RECORD));
    try {
      const quota = { bytes: streamBytes, records };
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(PATIENCE_MS)]);
      const { report, kept } = await keeper.mirror({ id, url, quota }, { signal, isAuto: true });
      this.#rests.delete(host);
      onPath(kept.path);
      events.onTaken?.(id, url, report.bytes);
    } catch (error) {
      removeRemains(mirrorPathOf(parseStreamId(id), dataDir));
      if (!isDrayerError(error)) throw error;
      if (this.#closing.signal.aborted) return;
      this.#rest(host);
      if (isLast) this.#rest(id);
      events.onFailed?.(id, url, error);
    }
  }

  #rest(key: string): void {
    const { lengthMs = FIRST_REST_MS / 2 } = this.#rests.get(key) ?? {};
    const next = Math.min(LAST_REST_MS, lengthMs * 2);
    this.#rests.delete(key);
    this.#rests.set(key, { untilMs: this.#clockMs() + next, lengthMs: next });
    const [oldest] = this.#rests.keys();
    if (this.#rests.size > MOST_RESTS && oldest !== undefined) this.#rests.delete(oldest);
  }

  #isResting(key: string): boolean {
    return (this.#rests.get(key)?.untilMs ?? 0) > this.#clockMs();
  }

  #tellFull(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#options.events?.onFull?.(reason);
  }
}

/** Of those that were taken unasked, how many came from each machine. */
function countByHost(kept: readonly KeptState[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { isAuto, urls } of kept) {
    const [url] = urls;
    if (isAuto !== true || url === undefined || !URL.canParse(url)) continue;
    const { hostname } = new URL(url);
    counts.set(hostname, (counts.get(hostname) ?? 0) + 1);
  }
  return counts;
}

async function freeIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
