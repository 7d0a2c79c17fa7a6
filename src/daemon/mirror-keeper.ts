/**
 * The mirrors that a daemon keeps up to date: each follows its sources by itself, and is stopped, changed
 * and begun again at run time without the others noticing.
 */
import { DrayerError } from '../core/errors.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import { mirrorPathOf } from '../mirror/data-dir.ts';
import { POLL_MS } from '../mirror/follower.ts';
import { type MirrorOptions, type MirrorReport, mirrorStream } from '../mirror/mirror.ts';
import type { MirrorProgress } from '../mirror/session.ts';
import type { MirrorOrder } from './control-wire.ts';
import { Keeping, type KeepingOptions } from './keeping.ts';
import {
  forgetKept,
  type KeptMirror,
  type KeptState,
  MOST_SOURCES,
  readKept,
  writeKept,
} from './kept-mirrors.ts';
import type { HiddenStream } from './lan.ts';
import { removeMirrorFiles } from './remove-mirror.ts';

export type { KeeperEvents } from './keeping.ts';

/** Least time between two looks, whichever mirrors they are of: they add up where there are hundreds. */
const LOOK_MS = 2_400;

/** What a {@link MirrorKeeper} is told. */
export type KeeperOptions = Omit<KeepingOptions, 'pollMs'> & {
  readonly dataDir: string;
  /** Least time between two looks at all sources of a mirror, ms; of many mirrors there is more. Default 30,000. */
  readonly pollMs?: number | undefined;
};

/** One order to bring a mirror up to date. */
export type KeepContext = {
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: MirrorProgress) => void) | undefined;
  /** Nobody here has asked for it; one that somebody has asked for stays theirs. */
  readonly isAuto?: true | undefined;
};

/** Keeps mirrors. Closed by {@link MirrorKeeper.close}. */
export class MirrorKeeper {
  readonly #options: KeepingOptions & { readonly dataDir: string };
  readonly #kept = new Map<string, Keeping>();
  /** Orders about one stream, one after the other. */
  readonly #queues = new Map<string, Promise<unknown>>();
  /** Stops those of them that fetch, by the stream; fires when it is to be removed. */
  readonly #removals = new Map<string, AbortController>();
  #isClosed = false;

  constructor(options: KeeperOptions) {
    const { pollMs = POLL_MS } = options;
    this.#options = { ...options, pollMs: () => Math.max(pollMs, this.#kept.size * LOOK_MS) };
  }

  /** What is kept now, in the order in which it came. */
  list(): readonly KeptState[] {
    return [...this.#kept.values()].map((keeping) => keeping.state());
  }

  /** The mirrors that are kept now, without how they are doing. */
  mirrors(): readonly KeptMirror[] {
    return [...this.#kept.values()].map(({ mirror }) => mirror);
  }

  /** What is held, but not to be shown, and what is still to come. */
  hidden(): readonly HiddenStream[] {
    return [...this.#kept.values()]
      .filter(({ mirror, isToCome }) => mirror.isHidden || isToCome)
      .map(({ mirror: { id, path, isHidden }, isToCome }) => {
        // What is hidden is never asked for.
        return { publicKey: parseStreamId(id), path, isToCome: isToCome && !isHidden };
      });
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
    const keeping = this.#kept.get(formatStreamId(publicKey));
    keeping?.pull();
    return keeping !== undefined;
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
    const removal = this.#removals.get(order.id) ?? new AbortController();
    this.#removals.set(order.id, removal);
    return this.#inTurn(order.id, () => this.#mirror(order, context, removal.signal));
  }

  /**
   * Removes a mirror with all its files but what protects from being shown an older state. What is being
   * fetched of it is not waited for.
   *
   * @throws {DrayerError} what {@link removeMirrorFiles} throws
   */
  remove(
    id: string,
    before: (path: string) => void,
  ): Promise<{ readonly path: string; readonly bytes: number }> {
    this.#removals.get(id)?.abort();
    this.#removals.delete(id);
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
    { signal, onProgress, isAuto }: KeepContext,
    removal: AbortSignal,
  ): Promise<{ report: MirrorReport; kept: KeptMirror }> {
    const before = this.#kept.get(order.id);
    const mirror = this.#plan(order, before?.mirror, isAuto);
    await before?.stop();
    const note = before?.mirror ?? readKept(mirror.path);
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
        signal: AbortSignal.any([signal, removal]),
        onProgress,
      };
      const report = await mirrorStream(options);
      this.#kept.delete(mirror.id);
      this.add(mirror);
      this.#kept.get(mirror.id)?.seen();
      if (report.changed) this.#options.onMirrored?.(report);
      return { report, kept: mirror };
    } catch (error) {
      // The note stays, so that what is to be removed is known to be a mirror.
      if (removal.aborted) {
        throw new DrayerError('CONFLICT', `${order.id}: was removed while it was fetched`);
      }
      if (note === undefined) forgetKept(mirror.path);
      else writeKept(note);
      if (!this.#isClosed) this.#kept.get(mirror.id)?.follow();
      throw error;
    }
  }

  #plan(
    { id, url, from = [], isHidden, quota }: MirrorOrder,
    before: KeptMirror | undefined,
    isAuto: true | undefined,
  ): KeptMirror {
    const publicKey = parseStreamId(id);
    const path = before?.path ?? mirrorPathOf(publicKey, this.#options.dataDir);
    const known = before ?? readKept(path);
    const named = [...(url === undefined ? [] : [url]), ...from];
    const urls = [...new Set([...named, ...(known?.urls ?? [])])];
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
      isAuto: known === undefined || known.isAuto ? isAuto : undefined,
    };
  }

  #inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) {
      return Promise.reject(new DrayerError('ABORTED', 'the daemon is closing'));
    }
    const turn = (this.#queues.get(id) ?? Promise.resolve()).then(work, work);
    this.#queues.set(id, turn);
    const over = (): void => {
      if (this.#queues.get(id) !== turn) return;
      this.#queues.delete(id);
      this.#removals.delete(id);
    };
    turn.then(over, over);
    return turn;
  }
}
