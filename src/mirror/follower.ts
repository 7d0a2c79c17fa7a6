/** The work behind {@link followStream}: some sources are listened to, all are asked, one run at a time. */
import { setTimeout as wait } from 'node:timers/promises';
import { isDrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import { parseStreamId } from '../core/stream-id.ts';
import { hasFile } from '../store/stream-file.ts';
import { LIMITS } from '../wire/limits.ts';
import { announceGeneration } from './announce.ts';
import { addressOf } from './candidates.ts';
import { isThisMachine } from './dialable.ts';
import type { HeldMirror } from './find-mirror.ts';
import type { FollowOptions } from './follow-stream.ts';
import { candidatesOf } from './gather.ts';
import { HttpClient } from './http-client.ts';
import { type MirrorOptions, type MirrorReport, mirrorStream } from './mirror.ts';
import { type PeerUrl, parsePeerUrls } from './peer-url.ts';
import { isOverQuota } from './quota.ts';
import { sourceEvents } from './source-events.ts';
import { type KnownSource, readMemory } from './source-memory.ts';

/** Default time between two looks. */
export const POLL_MS = 30_000;
/** First wait before another try; each one is twice as long, up to the time between two looks. */
const RETRY_MS = 500;
/** Between two runs: a source that calls without a pause is not answered without one. */
const PAUSE_MS = 100;
/** A connection that lasted so long was none that flaps. */
const STEADY_MS = 10_000;
/** So many sources are listened to at a time: one that says nothing new does not make the others unheard. */
const EARS = 3;
/** Whoever is listened to from now on has told what it has, or does not tell. */
const TOLD_MS = 2_000;
/** Where all sources are listened to and say that they have nothing newer, they are asked so many times less often. */
const QUIET_TURNS = 4;

type State = FollowOptions & { readonly signal: AbortSignal };

/** Follows until its signal fires. */
export class Follower {
  readonly #options: State;
  readonly #path: string;
  readonly #publicKey: Uint8Array;
  readonly #given: readonly PeerUrl[];
  /** Addresses that are listened to, and the tip each has told of last. */
  readonly #heard = new Map<string, Micros | undefined>();
  #tip: Micros;
  #problem: string | undefined;
  #wake = new AbortController();
  /** Each wakes one who has nobody to listen to. */
  readonly #idle = new Set<() => void>();
  #last: Promise<unknown> = Promise.resolve();
  #turn = 0;

  constructor({ path, id, generation, signatures = 'checked' }: HeldMirror, options: State) {
    const { url, urls = [] } = options;
    this.#options = options;
    this.#path = path;
    this.#publicKey = parseStreamId(id);
    this.#given = [...(url === undefined ? [] : [url]), ...urls].flatMap(parsePeerUrls);
    this.#tip = generation.tip;
    // What is owed is paid at once: no source tells of anything newer for that.
    if (signatures !== 'checked') this.pull();
  }

  /** Looks at the sources now. */
  pull(): void {
    this.#wake.abort();
  }

  /** Follows. */
  async run(): Promise<void> {
    this.#options.signal.addEventListener('abort', () => this.#wakeIdle(), { once: true });
    const ears = Array.from({ length: EARS }, (_, ear) => this.#listen(ear === 0));
    await Promise.all([...ears, this.#lookAround()]);
  }

  #pollMs(): number {
    const { pollMs } = this.#options;
    return typeof pollMs === 'function' ? pollMs() : (pollMs ?? POLL_MS);
  }

  /** Listens to one source after the other, as long as each lasts. */
  async #listen(isFirst: boolean): Promise<void> {
    const { signal } = this.#options;
    let retryMs = RETRY_MS;
    while (!signal.aborted) {
      const woken = this.#wake.signal;
      const peer = this.#nextPeer();
      // The others have nobody to listen to, for the time being.
      if (peer === undefined && !isFirst) {
        await new Promise<void>((resolve) => void this.#idle.add(resolve));
        continue;
      }
      const since = performance.now();
      try {
        if (peer !== undefined) await this.#waitForEvents(peer);
      } catch (error) {
        if (signal.aborted) return;
        if (!isDrayerError(error)) throw error;
        if (error.code === 'NOT_SUPPORTED') retryMs = this.#pollMs();
        // Of several another one will do; whether it is away, or only its events, shows at the next look.
        const isOver = woken.aborted || error.code === 'UNREACHABLE' || !this.#isAlone();
        if (!isOver && error.code !== 'NOT_SUPPORTED') this.#tell(error);
      }
      // A server that closes may be back in a moment; one that closes again and again is asked less often.
      if (performance.now() - since >= STEADY_MS) retryMs = RETRY_MS;
      const restMs = this.#isAlone() ? retryMs : jittered(retryMs);
      await pause(restMs, isFirst ? AbortSignal.any([signal, woken]) : signal);
      retryMs = Math.min(this.#pollMs(), retryMs * 2);
      if (!isFirst) continue;
      // Before the look: who wakes it during one wants another.
      if (woken.aborted) {
        this.#wake = new AbortController();
        retryMs = RETRY_MS;
      }
      if (!signal.aborted) await this.#pullPatiently();
    }
  }

  /**
   * Asks all of several now and then: none of those that are listened to may be telling. Also of one, where
   * the mirror's own file is gone: nobody sends an event for that.
   */
  async #lookAround(): Promise<void> {
    const { signal, finders = [] } = this.#options;
    let quiet = 0;
    while (!signal.aborted) {
      const pollMs = this.#pollMs();
      await pause(jittered(pollMs), signal);
      const peers = this.#peers();
      // They may have nothing newer to tell: then there is nothing to ask.
      if (this.#offer(peers)) await pause(Math.min(pollMs, TOLD_MS), signal);
      const isLost = !hasFile(this.#path);
      if (signal.aborted || (peers.length < 2 && finders.length === 0 && !isLost)) continue;
      quiet = this.#isQuiet(peers) && !isLost ? quiet + 1 : QUIET_TURNS;
      if (quiet < QUIET_TURNS) continue;
      quiet = 0;
      await this.#pullPatiently();
      this.#offer(this.#peers());
    }
  }

  /** Tells those who have nobody to listen to, where there is anybody; returns whether there was. */
  #offer(peers: readonly PeerUrl[]): boolean {
    if (peers.every((peer) => this.#heard.has(addressOf(peer)))) return false;
    return this.#wakeIdle();
  }

  #wakeIdle(): boolean {
    const woken = [...this.#idle];
    this.#idle.clear();
    for (const wake of woken) wake();
    return woken.length > 0;
  }

  /** Whether all are listened to, and none tells of more than is here. */
  #isQuiet(peers: readonly PeerUrl[]): boolean {
    const tips = peers.map((peer) => this.#heard.get(addressOf(peer)));
    return tips.length > 0 && tips.every((tip) => tip !== undefined && tip <= this.#tip);
  }

  async #waitForEvents(peer: PeerUrl): Promise<void> {
    const { limits } = this.#options;
    const firstMs = (limits ?? LIMITS).firstByteMs;
    const publicKey = this.#publicKey;
    const signal = AbortSignal.any([this.#options.signal, this.#wake.signal]);
    const http = new HttpClient({ limits, signal });
    const address = addressOf(peer);
    let restMs = PAUSE_MS;
    this.#heard.set(address, undefined);
    try {
      for await (const tip of sourceEvents(http, peer, { publicKey, firstMs })) {
        this.#heard.set(address, tip);
        if (tip > this.#tip) await this.#inTurn(() => this.#pullFrom(peer, tip));
        else this.#mend();
        // Who tells of what nobody then has is believed less and less.
        restMs = tip > this.#tip ? Math.min(this.#pollMs(), restMs * 2) : PAUSE_MS;
        await pause(restMs, signal);
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

  #isAlone(): boolean {
    return this.#peers().length < 2;
  }

  #peers(): readonly PeerUrl[] {
    if (this.#options.others === false) return this.#given;
    const known = new Set(this.#given.map(addressOf));
    const good = readMemory(this.#path)
      .sources.filter(({ address, score }) => score > 0 && !known.has(address))
      .sort(byScore)
      .map(({ address }) => address);
    const others = candidatesOf(good.slice(0, EARS), 'found');
    return [...this.#given, ...others.map(({ peer }) => peer)];
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
    if (!this.#isAlone()) {
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
    const over = report.failures.map(({ error }) => error).find(isOverQuota);
    // What others have that is older does not make it fit.
    if (over !== undefined && !report.changed) throw over;
    this.#mend();
    for (const fallen of report.fallen) if (fallen.isNew) this.#options.onFallen?.(fallen);
    if (!report.changed) return;
    this.#options.onGeneration?.(report);
    this.#announce(report);
  }

  /** A courtesy, beside everything else: who follows us hears of it by the event. */
  #announce({ generation, signatures }: MirrorReport): void {
    const { httpPort, isReachable = true, signal } = this.#options;
    const record = generation.snapshotRecord;
    if (httpPort === undefined || record === undefined || signatures !== 'checked') return;
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
    this.#options.onSeen?.();
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
