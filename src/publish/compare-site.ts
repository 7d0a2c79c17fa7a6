/**
 * Compares a directory with file records that are somewhere else, without a stream file: of each value
 * only the hash and the first bytes are known. A file is rebuilt with the header of the value that is
 * there, its old `time` included; has the result the signed hash, then nothing has changed (R24).
 */
import { MAX_FILE_BYTES } from '../files/site-path.ts';
import { diffSite } from './diff.ts';
import type { LinkReport } from './link-check.ts';
import { linksOf } from './links-of.ts';
import { checkMassDelete } from './mass-delete.ts';
import { findPathClashes } from './path-clashes.ts';
import { findOversized, stopOn } from './publish-fault.ts';
import {
  type CompareOptions,
  type FreshFile,
  type ServedFiles,
  ServedReading,
} from './served-reading.ts';
import type { FileChange } from './site-changes.ts';
import { resolveSiteDirectory } from './site-directory.ts';
import type { Skipped } from './walk-place.ts';
import { walkSite } from './walk-site.ts';

/** What {@link compareSite} found. Lists are sorted. */
export type SiteComparison = {
  readonly fresh: readonly FreshFile[];
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly unchanged: number;
  readonly skipped: readonly Skipped[];
  readonly bytesRead: number;
  readonly bytesStored: number;
  readonly changes: readonly FileChange[] | undefined;
  readonly links: LinkReport | undefined;
  /**
   * Returns a value of `fresh`; large ones are made again from the file.
   *
   * @throws {DrayerError} FILE_CHANGING when the file is another one by now
   */
  readValue(hash: Uint8Array): Uint8Array | undefined;
};

/**
 * Compares.
 *
 * @throws {DrayerError} what {@link publishDirectory} throws
 */
export async function compareSite(
  directory: string,
  served: ServedFiles,
  options: CompareOptions,
): Promise<SiteComparison> {
  const { ignore: patterns, ownFiles, maxFileBytes = MAX_FILE_BYTES } = options;
  const walk = await walkSite(resolveSiteDirectory(directory), { patterns, ownFiles }, options);
  const diff = diffSite(walk.files, { known: new Map(), records: served.records });
  const faults = [...walk.faults, ...findOversized(walk.files, maxFileBytes)];
  if (walk.files.some(({ key }) => !served.records.has(key))) {
    faults.push(...findPathClashes(walk.files));
  }
  if (faults.length === 0 && !options.allowMassDelete) {
    const counts = { held: served.records.size, removed: diff.removed.length };
    checkMassDelete({ ...counts, found: walk.files.length });
  }
  const reading = new ServedReading(served, options);
  await reading.read(walk.files);
  stopOn([...faults, ...reading.faults]);
  const fresh = [...reading.fresh.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  return {
    fresh,
    added: fresh.filter(({ key }) => !served.records.has(key)).map(({ key }) => key),
    changed: fresh.filter(({ key }) => served.records.has(key)).map(({ key }) => key),
    removed: diff.removed,
    unchanged: walk.files.length - fresh.length,
    skipped: walk.skipped,
    bytesRead: reading.bytesRead,
    bytesStored: reading.bytesStored,
    changes: options.listChanges ? changesOf(reading, served, diff.removed) : undefined,
    links: await linksOf(walk, served.publicKey, options),
    readValue: (digest) => reading.readValue(digest),
  };
}

function changesOf(
  { fresh }: ServedReading,
  { records }: ServedFiles,
  removed: readonly string[],
): FileChange[] {
  const written = [...fresh.values()].map(({ key, bytes }): FileChange => {
    const change = records.has(key) ? 'changed' : 'added';
    return { path: key, change, before: undefined, after: bytes };
  });
  const gone = removed.map((path): FileChange => {
    return { path, change: 'removed', before: undefined, after: undefined };
  });
  return [...written, ...gone].sort((a, b) => (a.path < b.path ? -1 : 1));
}
