/**
 * One pass of a publish over what a site is and what the stream holds, wherever both come from: read
 * anew for a single publish, kept in memory while a folder is watched.
 */
import type { Batch } from '../core/batch.ts';
import { MAX_FILE_BYTES } from '../files/site-path.ts';
import type { CommitOptions } from '../store/commit.ts';
import type { Generation } from '../store/reader.ts';
import type { Stream } from '../store/stream.ts';
import { FILE_TYPE } from '../store/typed-reads.ts';
import { addProvenance } from './add-provenance.ts';
import type { BegunWalk } from './begun-walk.ts';
import { diffSite, type HeldFiles, type SiteDiff } from './diff.ts';
import { type Done, type HeldSite, isAsRemembered } from './held-site.ts';
import { type IgnoreRules, makeIgnoreRules } from './ignore-rules.ts';
import { linksOf } from './links-of.ts';
import { checkMassDelete } from './mass-delete.ts';
import { findPathClashes } from './path-clashes.ts';
import { findOversized, type PublishFault, stopOn } from './publish-fault.ts';
import { type PublishReport, reportOf, reportUnchanged } from './publish-report.ts';
import type { FileChange } from './site-changes.ts';
import type { PublishProgress, SiteReading } from './site-reading.ts';
import { ownFilesOf } from './stream-files.ts';
import type { Walk, WalkSummary } from './walk.ts';
import type { WalkSiteOptions } from './walk-site.ts';

/** Options of {@link publishDirectory}. */
export type PublishOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Called for every file that was read. */
  readonly onProgress?: ((progress: PublishProgress) => void) | undefined;
  /** Look at everything, change nothing. */
  readonly dryRun?: boolean | undefined;
  /** List what happens to each file, with sizes, in the report. */
  readonly listChanges?: boolean | undefined;
  /** Largest file that is published, in bytes, inclusive; 64 MiB by default. */
  readonly maxFileBytes?: number | undefined;
  /** Most threads, the main one included; by default what the machine has, at most 4. */
  readonly threads?: number | undefined;
  /** Do it even if most files would go. */
  readonly allowMassDelete?: boolean | undefined;
  /** What to leave out besides what `.drayerignore` files say, in the syntax of .gitignore. */
  readonly ignore?: readonly string[] | undefined;
  /**
   * Publish files also when they seem to contain secrets of well-known services: all, or those that
   * match patterns in the syntax of .gitignore. A stream's own private key is never published.
   */
  readonly allowSecrets?: boolean | readonly string[] | undefined;
  /** A walk that was begun beforehand, of the same directory with the same `ignore`. */
  readonly begun?: BegunWalk | undefined;
  /**
   * Look for broken links before anything is signed; with `error`, one is enough to publish nothing.
   * Not at all by default.
   */
  readonly checkLinks?: 'warn' | 'error' | undefined;
  /** The stream's private key, where it is not in the file beside it: no file may contain it. */
  readonly secretKey?: Uint8Array | undefined;
  /**
   * Value of the record `drayer`/`provenance`: what this generation was made from. It is written with a
   * change, never alone; without one, that of an earlier generation goes with the next change.
   */
  readonly provenance?: Uint8Array | undefined;
};

/** Both sides of the comparison. */
export type SiteSource = {
  /** The stream before the publish. */
  readHeld(): HeldSite;
  /** The files it holds. */
  readFiles(): HeldFiles;
  /** What the directory holds; tells of what it finds as it does. */
  walk(sink: Pick<WalkSiteOptions, 'onFile' | 'onThread'>): Promise<Walk>;
  /** Stops the publish, by throwing, before anything is read. */
  checkDiff?(diff: SiteDiff): void;
  /** Stops it before anything is signed. */
  checkReading?(reading: SiteReading): void;
  /** It was looked at a moment ago: its links again only where something has changed. */
  readonly isRepeated?: boolean | undefined;
  /** Keeps what was found out, once it is committed. */
  remember(done: Done): void;
};

/** Makes the rules of a site's walk. */
export function rulesOf(stream: Stream, { ignore: patterns }: PublishOptions): IgnoreRules {
  return makeIgnoreRules({ patterns, ownFiles: ownFilesOf(stream.path) });
}

/**
 * Publishes once.
 *
 * @returns undefined when the stream changed meanwhile, so that everything is compared again (R11)
 */
export async function publishOnce(
  stream: Stream,
  site: SiteSource,
  options: PublishOptions,
): Promise<PublishReport | undefined> {
  const { maxFileBytes = MAX_FILE_BYTES, dryRun } = options;
  const held = site.readHeld();
  // Into an empty stream every file goes: other threads need not wait until all are found.
  let reading = held.isEmpty ? await beginReading(stream, options) : undefined;
  try {
    const walk = await (reading === undefined ? site.walk({}) : walkAndRead(site, reading));
    if (isUnchanged(walk, held, maxFileBytes)) {
      const links = await linksOf(walk, stream.publicKey, options);
      const changes = options.listChanges ? [] : undefined;
      return {
        ...reportUnchanged(walk.summary.count, walk.skipped, held.generation),
        changes,
        links,
      };
    }
    const { files, diff, faults } = compare(walk, site, options);
    if (reading === undefined) {
      reading = await beginReading(stream, options);
      for (const one of diff.doubtful) reading.add(one);
    }
    await reading.finish();
    stopOn([...faults, ...reading.faults]);
    site.checkReading?.(reading);
    const isIdle = reading.fresh.length === 0 && diff.removed.length === 0;
    const isKnown = isIdle && site.isRepeated === true;
    const links = isKnown ? undefined : await linksOf(walk, stream.publicKey, options);

    const changes = await changesIn({ files, diff, reading }, stream, options);
    const batch = addProvenance(batchOf(diff, reading), options.provenance, (hash, value) => {
      if (!dryRun) stream.prepareValue(hash, value);
    });
    const { beginSigning } = reading;
    const generation = dryRun
      ? held.generation
      : commit(stream, batch, { compared: held.generation, beginSigning });
    if (generation === undefined) return undefined;
    const done = { held, files, walk, diff, reading, generation };
    if (!dryRun) site.remember(done);
    return { ...reportOf(done), changes, links };
  } finally {
    await reading?.close();
    stream.discardPrepared();
  }
}

/** Where another thread looks for the files, what is found first is read meanwhile. */
async function walkAndRead(site: SiteSource, reading: SiteReading): Promise<Walk> {
  let beside: Promise<void> | undefined;
  const walk = await site.walk({
    onFile: (file) => reading.add({ file, record: undefined }),
    onThread(thread, isFree) {
      beside = reading.join(thread, isFree);
    },
  });
  await beside;
  return walk;
}

async function beginReading(stream: Stream, options: PublishOptions): Promise<SiteReading> {
  const { openReading } = await import('./open-reading.ts');
  return openReading(stream, options);
}

function compare(
  walk: Walk,
  site: SiteSource,
  { maxFileBytes = MAX_FILE_BYTES, allowMassDelete }: PublishOptions,
): Pick<Done, 'files' | 'diff'> & { readonly faults: PublishFault[] } {
  const files = site.readFiles();
  const diff = diffSite(walk.files, files);
  const oversized = findOversized(walk.files, maxFileBytes);
  const faults = [...walk.faults, ...oversized, ...findClashes(walk, diff)];
  // Where something could not be read, nobody knows how much is gone.
  if (faults.length === 0) {
    if (!allowMassDelete) checkDeletes(walk, diff, files);
    site.checkDiff?.(diff);
  }
  return { files, diff, faults };
}

async function changesIn(
  found: Pick<Done, 'files' | 'diff' | 'reading'>,
  { reader }: Stream,
  { listChanges = false }: PublishOptions,
): Promise<readonly FileChange[] | undefined> {
  if (!listChanges) return undefined;
  const { changesOf } = await import('./site-changes.ts');
  return changesOf(reader, found);
}

function isUnchanged(
  walk: Walk,
  held: HeldSite,
  maxBytes: number,
): walk is Walk & { readonly summary: WalkSummary } {
  const { faults, summary } = walk;
  if (summary === undefined || faults.length > 0 || summary.largest > maxBytes) return false;
  return isAsRemembered(summary, held);
}

function checkDeletes(walk: Walk, { removed }: SiteDiff, { records }: HeldFiles): void {
  checkMassDelete({ held: records.size, removed: removed.length, found: walk.files.length });
}

// What is in the stream was looked at when it came there.
function findClashes(walk: Walk, { doubtful }: SiteDiff): PublishFault[] {
  return doubtful.some(({ record }) => record === undefined) ? findPathClashes(walk.files) : [];
}

function batchOf({ removed }: SiteDiff, { fresh }: SiteReading): Batch {
  return {
    // By key: the ids of a first publish follow the paths.
    puts: fresh.map(({ key, hash }) => ({ type: FILE_TYPE, key, hash })),
    deletes: removed.map((key) => ({ type: FILE_TYPE, key })),
  };
}

// R11: what was compared must be what is changed; under the write lock the tip tells.
function commit(
  stream: Stream,
  batch: Batch,
  { compared, beginSigning }: { compared: Generation } & CommitOptions,
): Generation | undefined {
  if (batch.puts.length === 0 && batch.deletes.length === 0) return compared;
  let hasMoved = false;
  const source = (): Batch => {
    hasMoved = stream.reader.view.modifiedTip() !== compared.tip;
    return hasMoved ? { puts: [], deletes: [] } : batch;
  };
  const generation = stream.commit(source, undefined, { beginSigning });
  return hasMoved ? undefined : generation;
}
