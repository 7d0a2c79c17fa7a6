/** Reads the files of a site that are in doubt, and says which of them the stream does not hold. */
import { availableParallelism } from 'node:os';
import { bytesEqual } from '../core/record.ts';
import { shouldStore } from '../files/stored-media.ts';
import type { Stream } from '../store/stream.ts';
import type { DoubtfulFile } from './diff.ts';
import type { EncodeJob, EncodeResult, EncodeSettings, ReadFile } from './encode-disk-file.ts';
import { encodeDiskFiles } from './gzip-pool.ts';
import { heldContentHash } from './held-content.ts';
import type { PublishFault } from './publish-fault.ts';

/** How far a publish is: what is read, of what there is to read. */
export type PublishProgress = {
  readonly files: number;
  readonly totalFiles: number;
  readonly bytes: number;
  readonly totalBytes: number;
};

/** A file the stream is to hold. Its value has been handed to the stream. */
export type NewFile = ReadFile & { readonly hash: Uint8Array; readonly valueBytes: number };

/** What {@link readSite} found. */
export type SiteReading = {
  readonly fresh: NewFile[];
  /** The stream holds their content already. */
  readonly same: (ReadFile & { readonly hash: Uint8Array })[];
  readonly faults: PublishFault[];
  readonly bytesRead: number;
};

/** Options of {@link readSite}. */
export type ReadSiteOptions = {
  readonly settings: EncodeSettings;
  /** Most threads, the main one included; by default what the machine has, at most 4. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PublishProgress) => void) | undefined;
  /** Given the value of each new file. */
  readonly onValue: (hash: Uint8Array, value: Uint8Array) => void;
};

/**
 * Reads and encodes files.
 *
 * @throws {DrayerError} ABORTED when the signal says so
 */
export async function readSite(
  doubtful: readonly DoubtfulFile[],
  stream: Stream,
  options: ReadSiteOptions,
): Promise<SiteReading> {
  const byKey = new Map(doubtful.map((entry) => [entry.file.key, entry]));
  const jobs = doubtful.map(({ file }) => file);
  const tally = new Tally(byKey, jobs, options);
  await encodeDiskFiles(jobs, {
    settings: options.settings,
    workers: workersFor(jobs, options.threads),
    signal: options.signal,
    onTake: (job) => withHeldContent(job, byKey.get(job.key), stream),
    onResult: (result) => tally.add(result),
  });
  return tally;
}

// Only when its turn has come: values are read one after the other, not all at once.
function withHeldContent(
  job: EncodeJob,
  doubtful: DoubtfulFile | undefined,
  stream: Stream,
): EncodeJob {
  const record = doubtful?.record;
  const value = record && stream.reader.readValue(record);
  if (value === undefined) return job;
  return { ...job, heldContentHash: heldContentHash(value, job.bytes) };
}

/** Collects results, and reports progress. */
class Tally implements SiteReading {
  readonly fresh: NewFile[] = [];
  readonly same: (ReadFile & { readonly hash: Uint8Array })[] = [];
  readonly faults: PublishFault[] = [];
  bytesRead = 0;
  readonly #byKey: ReadonlyMap<string, DoubtfulFile>;
  readonly #options: ReadSiteOptions;
  readonly #totalFiles: number;
  readonly #totalBytes: number;

  constructor(
    byKey: ReadonlyMap<string, DoubtfulFile>,
    jobs: readonly EncodeJob[],
    options: ReadSiteOptions,
  ) {
    this.#byKey = byKey;
    this.#options = options;
    this.#totalFiles = jobs.length;
    this.#totalBytes = jobs.reduce((sum, job) => sum + job.bytes, 0);
  }

  add(result: EncodeResult): void {
    if (result.kind === 'fault') this.faults.push(result.fault);
    else this.#addFile(result);
    this.#options.onProgress?.({
      files: this.fresh.length + this.same.length + this.faults.length,
      totalFiles: this.#totalFiles,
      bytes: this.bytesRead,
      totalBytes: this.#totalBytes,
    });
  }

  #addFile(result: Exclude<EncodeResult, { kind: 'fault' }>): void {
    const { file } = result;
    const held = this.#byKey.get(file.key)?.record?.hash;
    this.bytesRead += file.bytes;
    if (result.kind === 'same' && held !== undefined) {
      this.same.push({ ...file, hash: held });
    } else if (result.kind === 'encoded') {
      const { value, hash, ...read } = result.file;
      if (held !== undefined && bytesEqual(held, hash)) {
        this.same.push({ ...read, hash });
        return;
      }
      this.#options.onValue(hash, value);
      this.fresh.push({ ...read, hash, valueBytes: value.length });
    }
  }
}

const MOST_THREADS = 4;
/** What starting a worker costs; with less work than a few of these it comes too late. */
const WORKER_START_MS = 60;

function workersFor(
  jobs: readonly EncodeJob[],
  threads: number = Math.min(MOST_THREADS, availableParallelism()),
): number {
  const workMs = jobs.reduce((sum, job) => sum + estimateMs(job), 0);
  return Math.max(0, Math.min(threads - 1, Math.floor(workMs / (3 * WORKER_START_MS))));
}

// Measured on one core: opening and reading 0.05 ms, gzip 50 MB/s, checksum and hash 400 MB/s.
function estimateMs({ key, bytes }: EncodeJob): number {
  const bytesPerMs = shouldStore(key) ? 400_000 : 50_000;
  return 0.05 + bytes / bytesPerMs;
}
