/** One mirror that is kept up to date: who follows its sources, how it is doing, and when it rests. */
import { type DrayerError, isDrayerError } from '../core/errors.ts';
import { parseStreamId } from '../core/stream-id.ts';
import { findMirror, type HeldMirror } from '../mirror/find-mirror.ts';
import { type Following, followStream } from '../mirror/follow-stream.ts';
import type { MirrorReport } from '../mirror/mirror.ts';
import type { PeerFinder } from '../mirror/peer-finder.ts';
import { isOverQuota } from '../mirror/quota.ts';
import type { KeptMirror, KeptState, MirrorProblem } from './kept-mirrors.ts';

/** What a keeper tells of. */
export type KeeperEvents = {
  /** A new generation came. */
  readonly onMirrored?: ((report: MirrorReport) => void) | undefined;
  /** Told once what keeps a mirror from being up to date. */
  readonly onProblem?: ((kept: KeptMirror, problem: DrayerError) => void) | undefined;
  readonly onMended?: ((kept: KeptMirror) => void) | undefined;
  /** A mirror is kept from now on. */
  readonly onKept?: ((kept: KeptMirror) => void) | undefined;
  readonly onRemoved?: ((kept: { readonly id: string; readonly path: string }) => void) | undefined;
};

/** What a {@link Keeping} is told. */
export type KeepingOptions = KeeperEvents & {
  /** Time between two looks at a source that sends no events, ms. */
  readonly pollMs?: number | (() => number) | undefined;
  /** Port on which mirrors that are not hidden are served, once it is known; the sources are told of it. */
  readonly httpPort?: (() => number) | undefined;
  /** Whether other machines can come to it. */
  readonly isReachable?: boolean | undefined;
  /** Know more sources than the mirrors themselves. */
  readonly finders?: readonly PeerFinder[] | undefined;
  /** After so long a mirror that is over its quota is tried again, ms. Default: an hour. */
  readonly overQuotaMs?: number | undefined;
  /** After so long one whose following has ended by a fault is followed again, ms. Default: a minute. */
  readonly againMs?: number | undefined;
  /** A fault of this program in a mirror: it is stopped for a while, and the others go on. */
  readonly onError?: ((error: unknown, path: string) => void) | undefined;
};

const OVER_QUOTA_MS = 3_600_000;
const AGAIN_MS = 60_000;

/** One mirror and who follows its sources. */
export class Keeping {
  readonly mirror: KeptMirror;
  readonly #options: KeepingOptions;
  #following: Following | undefined;
  #problem: MirrorProblem | undefined;
  #seenMs: number | undefined;
  #isToCome = false;
  #again: NodeJS.Timeout | undefined;
  /** It is to be followed, now or after a rest. */
  #isWanted = false;

  constructor(mirror: KeptMirror, options: KeepingOptions) {
    this.mirror = mirror;
    this.#options = options;
  }

  /** It is followed, and nothing of it has come yet. */
  get isToCome(): boolean {
    return this.#isToCome;
  }

  /** How it is doing. */
  state(): KeptState {
    return {
      ...this.mirror,
      isFollowing: this.#following !== undefined,
      problem: this.#problem,
      seenMs: this.#seenMs,
    };
  }

  /** A source was heard that has nothing newer than what is here now. */
  seen(): void {
    this.#problem = undefined;
    this.#seenMs = Date.now();
  }

  /** Looks at the sources now; nothing once it is stopped, for news may come late. */
  pull(): void {
    if (!this.#isWanted) return;
    if (this.#following === undefined) this.follow();
    else this.#following.pull();
  }

  /** Follows the sources, until it is stopped. */
  follow(): void {
    const { mirror } = this;
    this.#isWanted = true;
    clearTimeout(this.#again);
    if (this.#following !== undefined) return;
    try {
      const { pollMs, httpPort, isReachable } = this.#options;
      const held = heldOf(mirror);
      this.#isToCome = held.generation.count === 0;
      const following = followStream(held, {
        urls: mirror.urls,
        others: true,
        finders: this.#options.finders,
        quota: mirror.quota,
        pollMs,
        httpPort: mirror.isHidden ? undefined : httpPort?.(),
        isReachable,
        onGeneration: (report) => {
          this.#isToCome = false;
          this.#options.onMirrored?.(report);
        },
        onSeen: () => this.seen(),
        onProblem: (problem) => this.#fail(problem),
        onMended: () => this.#options.onMended?.(mirror),
      });
      this.#following = following;
      following.closed.catch((error: unknown) => {
        if (this.#following === following) {
          this.#following = undefined;
          this.#followAfter(this.#options.againMs ?? AGAIN_MS);
        }
        if (isDrayerError(error)) this.#fail(error);
        else this.#options.onError?.(error, mirror.path);
      });
    } catch (error) {
      if (!isDrayerError(error)) throw error;
      this.#fail(error);
      this.#followAfter(this.#options.againMs ?? AGAIN_MS);
    }
  }

  /** Stops; what is here is complete. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    clearTimeout(this.#again);
    await this.#end();
  }

  async #end(): Promise<void> {
    const following = this.#following;
    this.#following = undefined;
    // What went wrong was told when it happened.
    await following?.close().catch(() => undefined);
  }

  #fail(problem: DrayerError): void {
    const { code, message, hint } = problem;
    const sinceMs = this.#problem?.code === code ? this.#problem.sinceMs : Date.now();
    this.#problem = { code, message, hint, sinceMs };
    this.#options.onProblem?.(this.mirror, problem);
    // Each new generation would be fetched up to the quota, and thrown away.
    if (isOverQuota(problem)) void this.#rest();
  }

  async #rest(): Promise<void> {
    await this.#end();
    this.#followAfter(this.#options.overQuotaMs ?? OVER_QUOTA_MS);
  }

  #followAfter(ms: number): void {
    clearTimeout(this.#again);
    if (!this.#isWanted) return;
    this.#again = setTimeout(() => this.follow(), ms);
    this.#again.unref();
  }
}

/** The mirror as it is; one whose file is still to come begins with nothing. */
function heldOf({ path, id }: KeptMirror): HeldMirror {
  return findMirror(path, parseStreamId(id)) ?? { path, id, generation: NOTHING };
}

const NOTHING: HeldMirror['generation'] = {
  tip: 0,
  idTip: 0,
  count: 0,
  snapshot: undefined,
  snapshotRecord: undefined,
  covered: false,
};
