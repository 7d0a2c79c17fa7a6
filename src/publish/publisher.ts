/**
 * Makes a stream equal to a directory: walk, compare, read and encode what is in doubt, then one commit
 * (R9, R11, R24). Nothing is half published: what is wrong with one file stops the whole.
 */
import type { Batch } from '../core/batch.ts';
import { DrayerError } from '../core/errors.ts';
import { MAX_FILE_BYTES } from '../files/file-record.ts';
import type { Generation } from '../store/reader.ts';
import type { Stream } from '../store/stream.ts';
import { FILE_TYPE } from '../store/typed-reads.ts';
import { diffSite, type HeldFiles, isAsRemembered, type SiteDiff } from './diff.ts';
import { type HeldSite, readHeldFiles, readHeldSite, remember } from './held-site.ts';
import { makeIgnoreRules } from './ignore-rules.ts';
import { checkMassDelete } from './mass-delete.ts';
import { findPathClashes } from './path-clashes.ts';
import { faultsError, type PublishFault } from './publish-fault.ts';
import { type PublishReport, reportOf, reportUnchanged } from './publish-report.ts';
import { secretNeedles } from './secret-scan.ts';
import { resolveSiteDirectory } from './site-directory.ts';
import { type PublishProgress, SiteReading } from './site-reading.ts';
import { ownFilesOf, secretKeyOf } from './stream-files.ts';
import { type DiskFile, type Walk, walkDirectory } from './walk.ts';

export type { PublishReport };

/** Options of {@link publishDirectory}. */
export type PublishOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Called for every file that was read. */
  readonly onProgress?: ((progress: PublishProgress) => void) | undefined;
  /** Look at everything, change nothing. */
  readonly dryRun?: boolean | undefined;
  /** Largest file that is published, in bytes, inclusive; 64 MiB by default. */
  readonly maxFileBytes?: number | undefined;
  /** Most threads, the main one included; by default what the machine has, at most 4. */
  readonly threads?: number | undefined;
  /** Do it even if most files would go. */
  readonly allowMassDelete?: boolean | undefined;
  /** What to leave out, in the syntax of .gitignore. */
  readonly ignore?: readonly string[] | undefined;
  /** The stream's private key, where it is not in the file beside it: no file may contain it. */
  readonly secretKey?: Uint8Array | undefined;
};

const ATTEMPTS = 3;

/**
 * Makes the file records of a stream equal to a directory.
 *
 * A file whose stamp has not changed is not read; one whose content has not changed keeps its value
 * (R24). A second run with nothing changed writes and signs nothing.
 *
 * @throws {DrayerError} DIRECTORY_NOT_FOUND when there is no such directory
 * @throws {DrayerError} MASS_DELETE when the stream would lose most of its files, unless allowed
 * @throws {DrayerError} SECRET_IN_SITE, TOO_LARGE, PATH_INVALID, FILE_UNREADABLE or FILE_CHANGING naming
 *   the files that cannot be published; nothing was then
 * @throws {DrayerError} STREAM_BUSY when others kept changing the stream meanwhile
 * @throws {DrayerError} ABORTED when the signal says so; nothing was published
 * @example
 * const report = await publishDirectory('./public', stream);
 */
export async function publishDirectory(
  directory: string,
  stream: Stream,
  options: PublishOptions = {},
): Promise<PublishReport> {
  const root = resolveSiteDirectory(directory);
  // Says at once why a stream cannot be written, not after reading the whole site.
  if (!stream.writable && !options.dryRun) stream.commit({ puts: [], deletes: [] });
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const report = await publishOnce(root, stream, options);
    if (report !== undefined) return report;
  }
  throw new DrayerError(
    'STREAM_BUSY',
    `${stream.path}: another program keeps changing this stream`,
    {
      hint: 'publish again when it has finished',
    },
  );
}

/** Returns undefined when the stream changed meanwhile, so that everything is compared again (R11). */
async function publishOnce(
  root: string,
  stream: Stream,
  options: PublishOptions,
): Promise<PublishReport | undefined> {
  const held = readHeldSite(stream);
  const reading = openReading(stream, options);
  try {
    const walk = await walkSite(root, stream, { held, reading, options });
    if (held.stamps !== undefined && isAsRemembered(walk.files, held.stamps))
      return reportUnchanged(walk, held);
    const files = readHeldFiles(stream);
    const diff = compare(walk, files, options);
    if (!held.isEmpty) for (const doubtful of diff.doubtful) reading.add(doubtful);
    await reading.finish();
    stopOn(reading.faults);

    const batch = batchOf(diff, reading);
    const generation = options.dryRun ? held.generation : commit(stream, batch, held.generation);
    if (generation === undefined) return undefined;
    const done = { held, files, walk, diff, reading, generation };
    if (!options.dryRun) remember(stream, done);
    return reportOf(done);
  } finally {
    await reading.close();
    stream.discardPrepared();
  }
}

type Underway = {
  readonly held: HeldSite;
  readonly reading: SiteReading;
  readonly options: PublishOptions;
};

function openReading(stream: Stream, options: PublishOptions): SiteReading {
  const { signal, onProgress, threads, maxFileBytes = MAX_FILE_BYTES, dryRun } = options;
  const secretKey = options.secretKey ?? secretKeyOf(stream.path);
  const needles = secretKey === undefined ? [] : secretNeedles(secretKey);
  return new SiteReading(stream, {
    settings: { maxBytes: maxFileBytes, needles },
    threads,
    signal,
    onProgress,
    onValue: (hash, value) => {
      if (!dryRun) stream.prepareValue(hash, value);
    },
  });
}

async function walkSite(
  root: string,
  stream: Stream,
  { held, reading, options }: Underway,
): Promise<Walk> {
  const { maxFileBytes = MAX_FILE_BYTES, ignore: patterns, signal } = options;
  const rules = await makeIgnoreRules({ patterns, ownFiles: ownFilesOf(stream.path) });
  // Into an empty stream every file goes: other threads need not wait until all are found.
  const onFile = (file: DiskFile) => reading.add({ file, record: undefined });
  const walk = await walkDirectory(root, {
    rules,
    signal,
    onFile: held.isEmpty ? onFile : undefined,
  });
  stopOn([...walk.faults, ...findOversized(walk.files, maxFileBytes)]);
  return walk;
}

function compare(walk: Walk, held: HeldFiles, options: PublishOptions): SiteDiff {
  const diff = diffSite(walk.files, held);
  stopOn(findClashes(walk, diff));
  if (!options.allowMassDelete) {
    const removed = diff.removed.length;
    checkMassDelete({ held: held.records.size, removed, found: walk.files.length });
  }
  return diff;
}

function stopOn(faults: readonly PublishFault[]): void {
  if (faults.length > 0) throw faultsError(faults);
}

function findOversized(files: readonly DiskFile[], maxBytes: number): PublishFault[] {
  const oversized = files.filter(({ bytes }) => bytes > maxBytes);
  return oversized.map(({ key, bytes }) => {
    return {
      path: key,
      code: 'TOO_LARGE',
      message: `expected at most ${maxBytes} bytes, got ${bytes}`,
    };
  });
}

// What is in the stream was looked at when it came there.
function findClashes(walk: Walk, { doubtful }: SiteDiff): PublishFault[] {
  return doubtful.some(({ record }) => record === undefined) ? findPathClashes(walk.files) : [];
}

function batchOf({ removed }: SiteDiff, { fresh }: SiteReading): Batch {
  // Sorted: the ids of a first publish follow the paths, whichever thread was faster.
  const sorted = [...fresh].sort((a, b) => (a.key < b.key ? -1 : 1));
  return {
    puts: sorted.map(({ key, hash }) => ({ type: FILE_TYPE, key, hash })),
    deletes: removed.map((key) => ({ type: FILE_TYPE, key })),
  };
}

// R11: what was compared must be what is changed; under the write lock the tip tells.
function commit(stream: Stream, batch: Batch, compared: Generation): Generation | undefined {
  if (batch.puts.length === 0 && batch.deletes.length === 0) return compared;
  let hasMoved = false;
  const generation = stream.commit(() => {
    hasMoved = stream.reader.view.modifiedTip() !== compared.tip;
    return hasMoved ? { puts: [], deletes: [] } : batch;
  });
  return hasMoved ? undefined : generation;
}
