/** The work behind {@link followStream}: some sources are listened to, all are asked, one run at a time. */
import { setTimeout as wait } from 'node:timers/promises';
import { isDrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import { parseStreamId } from '../core/stream-id.ts';
import { announceGeneration } from './announce.ts';
import { addressOf } from './candidates.ts';
import { isThisMachine } from './dialable.ts';
import type { HeldMirror } from './find-mirror.ts';
import type { FollowOptions } from './follow-stream.ts';
import { HttpClient } from './http-client.ts';
import { type MirrorOptions, type MirrorReport, mirrorStream } from './mirror.ts';
import { type PeerUrl, parsePeerUrl, parsePeerUrls } from './peer-url.ts';
import { sourceEvents } from './source-events.ts';
import { type KnownSource, readMemory } from './source-memory.ts';

const POLL_MS = 30_000;
/** First wait before another try; each one is twice as long, up to the time between two looks. */
const RETRY_MS = 500;
/** Between two runs: a source that calls without a pause is not answered without one. */
const PAUSE_MS = 100;
/** So many sources are listened to at a time: one that says nothing new does not make the others unheard. */
const EARS = 3;

type State = FollowOptions & { readonly signal: AbortSignal };

/** Follows until its signal fires. */
export class Follower {
  readonly #options: State;
  readonly #path: string;
  readonly #publicKey: Uint8Array;
  readonly #given: readonly PeerUrl[];
  /** Addresses that are listened to. */
  readonly #heard = new Set<string>();
  #tip: Micros;
  #problem: string | undefined;
  #wake = new AbortController();
  #last: Promise<unknown> = Promise.resolve();
  #turn = 0;

  constructor({ path, id, generation }: HeldMirror, options: State) {
    const { url, urls = [] } = options;
    this.#options = options;
    this.#path = path;
    this.#publicKey = parseStreamId(id);
    this.#given = [...(url === undefined ? [] : [url]), ...urls].flatMap(parsePeerUrls);
    this.#tip = generation.tip;
  }

  /** Looks at the sources now. */
  pull(): void {
    this.#wake.abort();
  }

  /** Follows. */
  async run(): Promise<void> {
    const ears = Array.from({ length: EARS }, (_, ear) => this.#listen(ear === 0));
    await Promise.all([...ears, this.#lookAround()]);
  }

  /** Listens to one source after the other, as long as each lasts. */
  async #listen(isFirst: boolean): Promise<void> {
    const { signal, pollMs = POLL_MS } = this.#options;
    let retryMs = RETRY_MS;
    while (!signal.aborted) {
      const woken = this.#wake.signal;
      const peer = this.#nextPeer();
      // The others have nobody to listen to, for the time being.
      if (peer === undefined && !isFirst) {
        await pause(jittered(pollMs), signal);
        continue;
      }
      try {
        if (peer !== undefined) await this.#waitForEvents(peer);
        // Ended in good order: the server is closing, and may be back in a moment.
        retryMs = RETRY_MS;
      } catch (error) {
        if (signal.aborted) return;
        if (isDrayerError(error, 'NOT_SUPPORTED')) retryMs = pollMs;
        // Of several another one will do.
        else if (!woken.aborted && this.#peers().length < 2) this.#tell(error);
        else if (!isDrayerError(error)) throw error;
      }
      const isAlone = this.#peers().length < 2;
      const restMs = isAlone ? retryMs : jittered(retryMs);
      await pause(restMs, isFirst ? AbortSignal.any([signal, woken]) : signal);
      retryMs = Math.min(pollMs, retryMs * 2);
      if (!isFirst) continue;
      // Before the look: who wakes it during one wants another.
      if (woken.aborted) {
        this.#wake = new AbortController();
        retryMs = RETRY_MS;
      }
      if (!signal.aborted) await this.#pullPatiently();
    }
  }

  /** Asks all of several now and then: none of those that are listened to may be telling. */
  async #lookAround(): Promise<void> {
    const { signal, pollMs = POLL_MS } = this.#options;
    while (!signal.aborted) {
      await pause(jittered(pollMs), signal);
      if (!signal.aborted && this.#peers().length > 1) await this.#pullPatiently();
    }
  }

  async #waitForEvents(peer: PeerUrl): Promise<void> {
    const { limits } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, this.#wake.signal]);
    const http = new HttpClient({ limits, signal });
    const address = addressOf(peer);
    this.#heard.add(address);
    try {
      for await (const tip of sourceEvents(http, peer, this.#publicKey)) {
        if (tip > this.#tip) await this.#inTurn(() => this.#pullFrom(peer, tip));
        else this.#mend();
        await pause(PAUSE_MS, signal);
      }
    } finally {
      this.#heard.delete(address);
      http.close();
    }
  }

  /** Who is to be listened to next: the given ones in turn, then those that were good before. */
  #nextPeer(): PeerUrl | undefined {
    const free = this.#peers().filter((peer) => !this.#heard.has(addressOf(peer)));
    const next = free[this.#turn % Math.max(1, free.length)];
    // Each is followed again after all others.
    if (free.length > 1) this.#turn += 1;
    return next;
  }

  #peers(): readonly PeerUrl[] {
    if (this.#options.others === false) return this.#given;
    const known = new Set(this.#given.map(addressOf));
    const { sources } = readMemory(this.#path);
    const good = sources.filter(({ address, score }) => score > 0 && !known.has(address));
    return [...this.#given, ...good.sort(byScore).slice(0, EARS).map(peerOf)];
  }

  async #pullPatiently(): Promise<void> {
    try {
      await this.#inTurn(() => this.#pullAll());
    } catch (error) {
      if (!this.#options.signal.aborted) this.#tell(error);
    }
  }

  /** From the one that has told of it, which is quickest; from all where that comes to nothing. */
  async #pullFrom(peer: PeerUrl, tip: Micros): Promise<void> {
    if (tip <= this.#tip) return;
    const isOnly = this.#peers().length < 2;
    if (!isOnly) {
      try {
        await this.#mirror({ url: peer.text, urls: [], others: false, finders: [] });
        return;
      } catch (error) {
        if (!isDrayerError(error) || this.#options.signal.aborted) throw error;
      }
    }
    await this.#pullAll();
  }

  async #pullAll(): Promise<void> {
    await this.#mirror({ others: this.#options.others ?? true, restsGiven: true });
  }

  async #mirror(changes: Partial<MirrorOptions>): Promise<void> {
    const own = { publicKey: this.#publicKey, path: this.#path };
    const report = await mirrorStream({ ...this.#options, ...own, ...changes });
    this.#tip = report.generation.tip;
    this.#mend();
    for (const fallen of report.fallen) if (fallen.isNew) this.#options.onFallen?.(fallen);
    if (!report.changed) return;
    this.#options.onGeneration?.(report);
    this.#announce(report);
  }

  /** A courtesy, beside everything else: who follows us hears of it by the event. */
  #announce({ generation }: MirrorReport): void {
    const { httpPort, isReachable = true, signal } = this.#options;
    const record = generation.snapshotRecord;
    if (httpPort === undefined || record === undefined) return;
    const told = this.#peers().filter((peer) => isReachable || isThisMachine(peer));
    const servers = told.map(({ text }) => ({ type: 'http' as const, url: text }));
    const announcement = { publicKey: this.#publicKey, record, httpPort };
    void announceGeneration(servers, announcement, { signal }).catch(() => {});
  }

  #tell(error: unknown): void {
    if (!isDrayerError(error)) throw error;
    // By its code: a connection that breaks off is refused next, which is the same trouble.
    if (error.code !== this.#problem) this.#options.onProblem?.(error);
    this.#problem = error.code;
  }

  #mend(): void {
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#options.onMended?.();
  }

  /** One run at a time: they work on the same files. */
  #inTurn(body: () => Promise<void>): Promise<void> {
    const next = this.#last.then(body);
    this.#last = next.catch(() => {});
    return next;
  }
}

function byScore(a: KnownSource, b: KnownSource): number {
  return b.score - a.score;
}

function peerOf({ address }: KnownSource): PeerUrl {
  return parsePeerUrl(address);
}

/** Half to all of it, so that many followers do not come at once. */
function jittered(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
