/**
 * The mirrors that a daemon keeps up to date: each follows its sources by itself, and is stopped, changed
 * and begun again at run time without the others noticing.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { parseStreamId } from '../core/stream-id.ts';
import { mirrorPathOf } from '../mirror/data-dir.ts';
import { findMirror, type HeldMirror } from '../mirror/find-mirror.ts';
import { type Following, followStream } from '../mirror/follow-stream.ts';
import { type MirrorOptions, type MirrorReport, mirrorStream } from '../mirror/mirror.ts';
import type { PeerFinder } from '../mirror/peer-finder.ts';
import type { MirrorProgress } from '../mirror/session.ts';
import type { MirrorOrder } from './control-wire.ts';
import {
  forgetKept,
  type KeptMirror,
  type KeptState,
  type MirrorProblem,
  MOST_SOURCES,
  readKept,
  writeKept,
} from './kept-mirrors.ts';
import { removeMirrorFiles } from './remove-mirror.ts';

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

/** What a {@link MirrorKeeper} is told. */
export type KeeperOptions = KeeperEvents & {
  readonly dataDir: string;
  /** Time between two looks at a source that sends no events, ms. */
  readonly pollMs?: number | undefined;
  /** Know more sources than the mirrors themselves. */
  readonly finders?: readonly PeerFinder[] | undefined;
  /** After so long a mirror that is over its quota is tried again, ms. Default: an hour. */
  readonly overQuotaMs?: number | undefined;
  /** A fault of this program in a mirror: it is stopped, and the others go on. */
  readonly onError?: ((error: unknown, path: string) => void) | undefined;
};

/** One order to bring a mirror up to date. */
export type KeepContext = {
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: MirrorProgress) => void) | undefined;
};

const OVER_QUOTA_MS = 3_600_000;

/** Keeps mirrors. Closed by {@link MirrorKeeper.close}. */
export class MirrorKeeper {
  readonly #options: KeeperOptions;
  readonly #kept = new Map<string, Keeping>();
  /** Orders about one stream, one after the other. */
  readonly #queues = new Map<string, Promise<unknown>>();
  #isClosed = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** What is kept now, in the order in which it came. */
  list(): readonly KeptState[] {
    return [...this.#kept.values()].map((keeping) => keeping.state());
  }

  /** What is held, but not to be shown. */
  hidden(): readonly { readonly publicKey: Uint8Array; readonly path: string }[] {
    return [...this.#kept.values()]
      .filter(({ mirror }) => mirror.isHidden)
      .map(({ mirror: { id, path } }) => ({ publicKey: parseStreamId(id), path }));
  }

  /** Keeps a mirror that is noted already; nothing if it is kept. */
  add(mirror: KeptMirror): void {
    if (this.#isClosed || this.#kept.has(mirror.id)) return;
    const keeping = new Keeping(mirror, this.#options);
    this.#kept.set(mirror.id, keeping);
    keeping.follow();
    this.#options.onKept?.(mirror);
  }

  /** Looks at the sources of a stream now; false where it is not kept. */
  pull(publicKey: Uint8Array): boolean {
    for (const keeping of this.#kept.values()) {
      if (!bytesEqual(parseStreamId(keeping.mirror.id), publicKey)) continue;
      keeping.pull();
      return true;
    }
    return false;
  }

  /**
   * Brings a mirror up to date, and keeps it so from now on. Where it fails, all is as it was before.
   *
   * @throws {DrayerError} what `mirrorStream` throws; NOT_FOUND when no source is named nor known
   */
  mirror(
    order: MirrorOrder,
    context: KeepContext,
  ): Promise<{ report: MirrorReport; kept: KeptMirror }> {
    return this.#inTurn(order.id, () => this.#mirror(order, context));
  }

  /**
   * Removes a mirror with all its files but what protects from being shown an older state.
   *
   * @throws {DrayerError} what {@link removeMirrorFiles} throws
   */
  remove(
    id: string,
    before: (path: string) => void,
  ): Promise<{ readonly path: string; readonly bytes: number }> {
    return this.#inTurn(id, async () => {
      const keeping = this.#kept.get(id);
      const publicKey = parseStreamId(id);
      const path = keeping?.mirror.path ?? mirrorPathOf(publicKey, this.#options.dataDir);
      await keeping?.stop();
      this.#kept.delete(id);
      try {
        const removed = removeMirrorFiles(path, publicKey, { before: () => before(path) });
        this.#options.onRemoved?.({ id, path });
        return removed;
      } catch (error) {
        const kept = readKept(path);
        if (kept !== undefined) this.add(kept);
        throw error;
      }
    });
  }

  /** Stops all; what they have is complete. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#kept.values()].map((keeping) => keeping.stop()));
    await Promise.allSettled(this.#queues.values());
  }

  async #mirror(
    order: MirrorOrder,
    { signal, onProgress }: KeepContext,
  ): Promise<{ report: MirrorReport; kept: KeptMirror }> {
    const before = this.#kept.get(order.id);
    const mirror = this.#plan(order, before?.mirror);
    await before?.stop();
    const hadNote = readKept(mirror.path) !== undefined;
    // Noted before it is there, so that one that is to be hidden is never shown.
    writeKept(mirror);
    try {
      const options: MirrorOptions = {
        ...order.options,
        urls: mirror.urls,
        others: true,
        publicKey: parseStreamId(mirror.id),
        path: mirror.path,
        quota: mirror.quota,
        signal,
        onProgress,
      };
      const report = await mirrorStream(options);
      this.#kept.delete(mirror.id);
      this.add(mirror);
      this.#kept.get(mirror.id)?.seen();
      if (report.changed) this.#options.onMirrored?.(report);
      return { report, kept: mirror };
    } catch (error) {
      if (before !== undefined) writeKept(before.mirror);
      else if (!hadNote) forgetKept(mirror.path);
      this.#kept.get(mirror.id)?.follow();
      throw error;
    }
  }

  #plan({ id, url, isHidden, quota }: MirrorOrder, before: KeptMirror | undefined): KeptMirror {
    const publicKey = parseStreamId(id);
    const path = before?.path ?? mirrorPathOf(publicKey, this.#options.dataDir);
    const known = before ?? readKept(path);
    const urls = [...new Set([...(url === undefined ? [] : [url]), ...(known?.urls ?? [])])];
    if (urls.length === 0) {
      throw new DrayerError('NOT_FOUND', `${id}: it is not known where to copy it from`, {
        hint: `name a server that has it: drayer mirror URL ${id}`,
      });
    }
    const limits = quota ?? known?.quota;
    return {
      path,
      id,
      urls: urls.slice(0, MOST_SOURCES),
      isHidden: isHidden ?? known?.isHidden ?? false,
      quota: limits !== undefined && Object.keys(limits).length > 0 ? limits : undefined,
    };
  }

  #inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) {
      return Promise.reject(new DrayerError('ABORTED', 'the daemon is closing'));
    }
    const turn = (this.#queues.get(id) ?? Promise.resolve()).then(work, work);
    this.#queues.set(id, turn);
    const over = (): void => {
      if (this.#queues.get(id) === turn) this.#queues.delete(id);
    };
    turn.then(over, over);
    return turn;
  }
}

/** One mirror and who follows its sources. */
class Keeping {
  readonly mirror: KeptMirror;
  readonly #options: KeeperOptions;
  #following: Following | undefined;
  #problem: MirrorProblem | undefined;
  #seenMs: number | undefined;
  #again: NodeJS.Timeout | undefined;

  constructor(mirror: KeptMirror, options: KeeperOptions) {
    this.mirror = mirror;
    this.#options = options;
  }

  state(): KeptState {
    return {
      ...this.mirror,
      isFollowing: this.#following !== undefined,
      problem: this.#problem,
      seenMs: this.#seenMs,
    };
  }

  seen(): void {
    this.#problem = undefined;
    this.#seenMs = Date.now();
  }

  pull(): void {
    if (this.#following === undefined) this.follow();
    else this.#following.pull();
  }

  follow(): void {
    const { mirror } = this;
    clearTimeout(this.#again);
    if (this.#following !== undefined) return;
    try {
      const { pollMs } = this.#options;
      const following = followStream(heldOf(mirror), {
        urls: mirror.urls,
        others: true,
        finders: this.#options.finders,
        quota: mirror.quota,
        pollMs,
        onGeneration: (report) => {
          this.seen();
          this.#options.onMirrored?.(report);
        },
        onProblem: (problem) => this.#fail(problem),
        onMended: () => {
          this.seen();
          this.#options.onMended?.(mirror);
        },
      });
      this.#following = following;
      following.closed.catch((error: unknown) => {
        if (this.#following === following) this.#following = undefined;
        if (isDrayerError(error)) this.#fail(error);
        else this.#options.onError?.(error, mirror.path);
      });
    } catch (error) {
      if (!isDrayerError(error)) throw error;
      this.#fail(error);
    }
  }

  async stop(): Promise<void> {
    clearTimeout(this.#again);
    const following = this.#following;
    this.#following = undefined;
    try {
      await following?.close();
    } catch {
      // Told when it happened.
    }
  }

  #fail(problem: DrayerError): void {
    const { code, message, hint } = problem;
    const sinceMs = this.#problem?.code === code ? this.#problem.sinceMs : Date.now();
    this.#problem = { code, message, hint, sinceMs };
    this.#options.onProblem?.(this.mirror, problem);
    // Each new generation would be fetched up to the quota, and thrown away.
    if (code === 'TOO_LARGE' && this.mirror.quota !== undefined) this.#rest();
  }

  #rest(): void {
    void this.stop().then(() => {
      const { overQuotaMs = OVER_QUOTA_MS } = this.#options;
      this.#again = setTimeout(() => this.follow(), overQuotaMs);
      this.#again.unref();
    });
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
