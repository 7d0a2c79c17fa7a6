/** One watched site: what is in its folder and in its stream, both kept in memory, and when it is settled. */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import type { Stream } from '../store/stream.ts';
import type { SiteDiff } from './diff.ts';
import type { IgnoreRules } from './ignore-rules.ts';
import { rulesOf, type SiteSource } from './publish-once.ts';
import type { PublishReport } from './publish-report.ts';
import { publishPersistently } from './publisher.ts';
import type { SiteReading } from './site-reading.ts';
import type { WatchOptions } from './watch-directory.ts';
import { HeldMemory } from './watch-held.ts';
import { SiteView } from './watch-view.ts';

/** What {@link WatchedSite.look} found. */
export type Look = {
  /** See {@link Scan.replaced}. */
  readonly replaced: readonly string[];
  /** Directories in which something has changed within the time to settle. */
  readonly moving: readonly string[];
  /** How long until they may have settled, ms. */
  readonly waitMs: number;
};

/** After files went in masses, a folder that still lacks some is waited for so many times longer. */
const REBUILD_FACTOR = 10;
/** The clock that files are stamped with and ours may be so far apart, ms. */
const TICK_MS = 10;

/** A site that is looked at again and again. */
export class WatchedSite {
  readonly #stream: Stream;
  readonly #options: WatchOptions;
  readonly #settleMs: number;
  readonly #view: SiteView;
  readonly #held: HeldMemory;
  #rules: IgnoreRules | undefined;
  #isWhole = true;
  #isRebuilt = false;
  #quietMs = 0;
  #found: ReadonlyMap<string, string> = new Map();

  /** @param root - absolute, no symbolic link in it */
  constructor(root: string, stream: Stream, options: WatchOptions & { readonly settleMs: number }) {
    this.#stream = stream;
    this.#options = options;
    this.#settleMs = options.settleMs;
    this.#view = new SiteView(root);
    this.#held = new HeldMemory(stream);
  }

  /** The directories of the site, relative. */
  get directories(): ReadonlySet<string> {
    return this.#view.directories;
  }

  /** Tells whether a walk would leave this path out. */
  isIgnored(relative: string, path: string, isDirectory: boolean): boolean {
    return this.#rules?.reasonFor(relative, path, isDirectory) !== undefined;
  }

  /**
   * Looks at directories again; at all, and the rules anew, where none are named.
   *
   * @throws {DrayerError} DIRECTORY_NOT_FOUND, ABORTED
   */
  async look(hints: Iterable<string> | undefined): Promise<Look> {
    const { signal } = this.#options;
    // Before anything is looked at: what changes during the look is young.
    const now = Date.now();
    this.#isWhole = hints === undefined;
    if (hints === undefined || this.#rules === undefined) {
      this.#rules = rulesOf(this.#stream, this.#options);
    }
    const options = { rules: this.#rules, signal };
    const { replaced, changedMs } =
      hints === undefined
        ? await this.#view.scanAll(options)
        : await this.#view.scan(hints, options);
    return { replaced, ...this.#movingOf(changedMs, now) };
  }

  /**
   * Publishes what the last looks have found.
   *
   * @param quietMs - how long nothing was hinted at
   * @throws {DrayerError} FILE_CHANGING when something has moved since: look again
   * @throws {DrayerError} what publishDirectory throws
   */
  async publish(quietMs: number): Promise<PublishReport> {
    this.#quietMs = quietMs;
    const source: SiteSource = {
      readHeld: () => this.#held.site(),
      readFiles: () => this.#held.files(),
      walk: async () => this.#view.walk(this.#isWhole),
      checkDiff: (diff) => this.#checkDiff(diff),
      checkReading: (reading) => this.#checkReading(reading),
      isRepeated: true,
      remember: (done) => this.#held.remember(done),
    };
    try {
      const report = await publishPersistently(this.#stream, source, this.#options);
      this.#isRebuilt = false;
      return report;
    } catch (error) {
      if (isDrayerError(error, 'MASS_DELETE')) this.#isRebuilt = true;
      throw error;
    }
  }

  #movingOf(changedMs: ReadonlyMap<string, number>, now: number): Pick<Look, 'moving' | 'waitMs'> {
    const leastMs = this.#settleMs - TICK_MS;
    // Both ways: a change of this very millisecond is in the future, as our clock cuts it off. What is
    // far in the future says that the clocks differ, not when it was.
    const moving = [...changedMs].filter(([, ms]) => Math.abs(now - ms) < leastMs);
    const waitMs = Math.max(0, ...moving.map(([, ms]) => this.#settleMs - (now - ms)));
    return { moving: moving.map(([directory]) => directory), waitMs };
  }

  #checkDiff({ doubtful, removed }: SiteDiff): void {
    this.#found = new Map(doubtful.map(({ file }) => [file.key, file.stamp]));
    // A generator that has cleared the folder takes its time with the pages.
    const isPartial = this.#isRebuilt && removed.length > 0;
    if (!isPartial || this.#quietMs >= this.#settleMs * REBUILD_FACTOR) return;
    throw new DrayerError(
      'FILE_CHANGING',
      `the folder is being built anew; ${removed.length} files are not back yet`,
    );
  }

  // What was settled when it was found was read a moment later; what changed in between may be half
  // written.
  #checkReading({ fresh, same }: SiteReading): void {
    if (this.#settleMs === 0) return;
    const moved = [...fresh, ...same].find(({ key, stamp }) => this.#found.get(key) !== stamp);
    if (moved === undefined) return;
    throw new DrayerError('FILE_CHANGING', `${moved.key}: it changed when it was to be read`);
  }
}
