/**
 * Makes a stream equal to a directory: walk, compare, read and encode what is in doubt, then one commit
 * (R9, R11, R24). Nothing is half published: what is wrong with one file stops the whole.
 */
import type { Batch } from '../core/batch.ts';
import { DrayerError } from '../core/errors.ts';
import type { Micros, SignedRecord } from '../core/record.ts';
import { MAX_FILE_BYTES } from '../files/file-record.ts';
import type { Generation } from '../store/reader.ts';
import type { StatEntry } from '../store/stat-cache.ts';
import type { Stream } from '../store/stream.ts';
import { FILE_TYPE } from '../store/typed-reads.ts';
import { diffSite, isAsRemembered, type SiteDiff } from './diff.ts';
import { makeIgnoreRules } from './ignore-rules.ts';
import { checkMassDelete } from './mass-delete.ts';
import { findPathClashes } from './path-clashes.ts';
import { faultsError, type PublishFault } from './publish-fault.ts';
import { type PublishProgress, readSite, type SiteReading } from './read-site.ts';
import { secretNeedles } from './secret-scan.ts';
import { resolveSiteDirectory } from './site-directory.ts';
import { ownFilesOf, secretKeyOf } from './stream-files.ts';
import { type DiskFile, type Skipped, type Walk, walkDirectory } from './walk.ts';

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

/** What {@link publishDirectory} did. Lists are sorted. */
export type PublishReport = {
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
  readonly generation: Generation;
  /** Whether there is a new generation. */
  readonly wrote: boolean;
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
  const { maxFileBytes = MAX_FILE_BYTES, ignore: patterns, signal } = options;
  const held = readHeld(stream);
  const rules = await makeIgnoreRules({ patterns, ownFiles: ownFilesOf(stream.path) });
  const walk = await walkDirectory(root, { rules, signal });
  stopOn([...walk.faults, ...findOversized(walk.files, maxFileBytes)]);
  if (held.isComplete && isAsRemembered(walk.files, held.known)) return asBefore(walk, held);

  const records = readFileRecords(stream);
  const diff = diffSite(walk.files, { known: held.known, records });
  stopOn(findClashes(walk, diff));
  if (!options.allowMassDelete) {
    const removed = diff.removed.length;
    checkMassDelete({ held: records.size, removed, found: walk.files.length });
  }
  return publishDiff(stream, { held, walk, diff }, { ...options, maxFileBytes });
}

type HeldSite = {
  readonly generation: Generation;
  readonly known: ReadonlyMap<string, StatEntry>;
  /** Whether `known` is complete for the generation. */
  readonly isComplete: boolean;
};

type Compared = { readonly held: HeldSite; readonly walk: Walk; readonly diff: SiteDiff };

async function publishDiff(
  stream: Stream,
  compared: Compared,
  options: PublishOptions & { readonly maxFileBytes: number },
): Promise<PublishReport | undefined> {
  const { held, walk, diff } = compared;
  try {
    const reading = await readDoubtful(diff, stream, options);
    stopOn(reading.faults);
    const batch = batchOf(diff, reading);
    const generation = options.dryRun ? held.generation : commit(stream, batch, held.generation);
    if (generation === undefined) return undefined;
    if (!options.dryRun) remember(stream, compared, { reading, tip: generation.tip });
    const wrote = generation.tip !== held.generation.tip;
    return { ...reportOf(walk, diff, reading), generation, wrote };
  } finally {
    stream.discardPrepared();
  }
}

function readHeld(stream: Stream): HeldSite {
  const { reader, statCache } = stream;
  return reader.reading(() => {
    const generation = reader.generation();
    // A file of another program that cannot be written has no tables of ours.
    if (!stream.writable) return { generation, known: new Map(), isComplete: false };
    const isComplete = statCache.completeFor() === generation.tip;
    return { generation, known: statCache.all(), isComplete };
  });
}

function readFileRecords(stream: Stream): Map<string, SignedRecord> {
  const records = new Map<string, SignedRecord>();
  for (const record of stream.reader.entries({ type: FILE_TYPE })) records.set(record.key, record);
  return records;
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

function readDoubtful(
  diff: SiteDiff,
  stream: Stream,
  options: PublishOptions & { readonly maxFileBytes: number },
): Promise<SiteReading> {
  const { signal, onProgress, threads, maxFileBytes, dryRun } = options;
  const secretKey = options.secretKey ?? secretKeyOf(stream.path);
  const needles = secretKey === undefined ? [] : secretNeedles(secretKey);
  return readSite(diff.doubtful, stream, {
    settings: { maxBytes: maxFileBytes, needles },
    threads,
    signal,
    onProgress,
    onValue: (hash, value) => {
      if (!dryRun) stream.prepareValue(hash, value);
    },
  });
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

// After the commit: an entry counts only while the stream holds the value it was made for.
function remember(
  stream: Stream,
  { held, walk, diff }: Compared,
  { reading, tip }: { readonly reading: SiteReading; readonly tip: Micros },
): void {
  const read = [...reading.fresh, ...reading.same];
  const entries = read.flatMap(({ key, stamp, hash }) =>
    stamp === undefined ? [] : [{ key, stamp, valueHash: hash }],
  );
  const kept = new Set(walk.files.map(({ key }) => key));
  // Files that may have changed again while they were read.
  for (const { key, stamp } of read) if (stamp === undefined) kept.delete(key);
  const gone = [...held.known.keys()].filter((key) => !kept.has(key));
  const isComplete = diff.unchanged + entries.length === walk.files.length;
  stream.statCache.save({ entries, gone, completeFor: isComplete ? tip : undefined });
}

function asBefore(walk: Walk, { generation }: HeldSite): PublishReport {
  const [unchanged, skipped] = [walk.files.length, walk.skipped];
  const nothing = { added: [], changed: [], removed: [], bytesRead: 0, bytesStored: 0 };
  return { ...nothing, unchanged, skipped, generation, wrote: false };
}

function reportOf(walk: Walk, diff: SiteDiff, { fresh, same, bytesRead }: SiteReading) {
  const isNew = new Set(
    diff.doubtful.flatMap(({ file, record }) => (record === undefined ? [file.key] : [])),
  );
  const keys = fresh.map(({ key }) => key).sort();
  return {
    added: keys.filter((key) => isNew.has(key)),
    changed: keys.filter((key) => !isNew.has(key)),
    removed: diff.removed,
    unchanged: diff.unchanged + same.length,
    skipped: walk.skipped,
    bytesRead,
    bytesStored: fresh.reduce((sum, { valueBytes }) => sum + valueBytes, 0),
  };
}
