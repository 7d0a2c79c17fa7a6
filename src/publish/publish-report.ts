/** What a publish did, for the person who asked for it. */
import type { Generation } from '../store/reader.ts';
import type { Done } from './held-site.ts';
import type { LinkReport } from './link-check.ts';
import type { FileChange } from './site-changes.ts';
import type { Skipped } from './walk-place.ts';

/** What {@link publishDirectory} did. Lists are sorted. */
export type PublishReport = SiteReport<Generation>;

/** The same, of a generation of which so much is known. */
export type SiteReport<KnownGeneration> = {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** Number of files the stream held already. */
  readonly unchanged: number;
  /** What was left out, and why. */
  readonly skipped: readonly Skipped[];
  /** Of disk files. */
  readonly bytesRead: number;
  /** Of new values. */
  readonly bytesStored: number;
  readonly generation: KnownGeneration;
  /** Whether there is a new generation. */
  readonly wrote: boolean;
  /** What was done to each file, where that was asked. */
  readonly changes?: readonly FileChange[] | undefined;
  /** What its links are like, where that was asked. */
  readonly links?: LinkReport | undefined;
};

/** The report of a publish that found nothing new. */
export function reportUnchanged<KnownGeneration>(
  unchanged: number,
  skipped: readonly Skipped[],
  generation: KnownGeneration,
): SiteReport<KnownGeneration> {
  const nothing = { added: [], changed: [], removed: [], bytesRead: 0, bytesStored: 0 };
  return { ...nothing, unchanged, skipped, generation, wrote: false };
}

/** The report of any other. */
export function reportOf({ held, walk, diff, reading, generation }: Done): PublishReport {
  const isNew = new Set(
    diff.doubtful.flatMap(({ file, record }) => (record === undefined ? [file.key] : [])),
  );
  const keys = reading.fresh.map(({ key }) => key);
  return {
    added: keys.filter((key) => isNew.has(key)),
    changed: keys.filter((key) => !isNew.has(key)),
    removed: diff.removed,
    unchanged: diff.unchanged + reading.same.length,
    skipped: walk.skipped,
    bytesRead: reading.bytesRead,
    bytesStored: reading.bytesStored,
    generation,
    wrote: generation.tip !== held.generation.tip,
  };
}
