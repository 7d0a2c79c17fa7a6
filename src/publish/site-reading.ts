/** Reads the files of a site that are in doubt, and finds out which of them the stream does not hold. */
import { bytesEqual } from '../core/record.ts';
import type { BeginSigning } from '../core/signing.ts';
import type { Stream } from '../store/stream.ts';
import type { DoubtfulFile } from './diff.ts';
import type { EncodeJob, EncodeResult, EncodeSettings, ReadFile } from './encode-disk-file.ts';
import { GzipPool } from './gzip-pool.ts';
import { heldContentHash } from './held-content.ts';
import type { PublishFault } from './publish-fault.ts';
import type { PublishThread } from './publish-thread.ts';

/** How far a publish is: what was read, of what is known to be there to read. */
export type PublishProgress = {
  readonly files: number;
  readonly totalFiles: number;
  readonly bytes: number;
  readonly totalBytes: number;
};

/** A file that was read, and the hash of the value the stream holds, or is to hold, for it. */
export type HeldFile = ReadFile & { readonly hash: Uint8Array };

/** Options of a {@link SiteReading}. */
export type SiteReadingOptions = {
  readonly settings: EncodeSettings;
  /** Most threads, the main one included. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PublishProgress) => void) | undefined;
  /** Tells of a key whether the file may hold secrets; see {@link EncodeJob}. */
  readonly maySecrets: (key: string) => boolean;
  /** Given the value of each new file. */
  readonly onValue: (hash: Uint8Array, value: Uint8Array) => void;
};

/** One reading of a site. {@link SiteReading.close} must be called, also after an error. */
export class SiteReading {
  /** The stream does not hold their content. Their values have been given to `onValue`. By key, in the end. */
  readonly fresh: HeldFile[] = [];
  /** The stream holds their content already. */
  readonly same: HeldFile[] = [];
  readonly faults: PublishFault[] = [];
  /** Whether each file was read in the state in which it was found. */
  isAsFound = true;
  bytesRead = 0;
  /** Bytes of the values of `fresh`. */
  bytesStored = 0;
  readonly #stream: Stream;
  readonly #options: SiteReadingOptions;
  readonly #doubtful = new Map<string, DoubtfulFile>();
  readonly #pool: GzipPool;
  #totalBytes = 0;

  constructor(stream: Stream, options: SiteReadingOptions) {
    const { settings, threads, signal } = options;
    this.#stream = stream;
    this.#options = options;
    this.#pool = new GzipPool({
      settings,
      threads,
      signal,
      onTake: (job) => this.#withHeldContent(job),
      onResult: (result) => this.#take(result),
    });
  }

  /** Adds a file; other threads may begin to read it at once. */
  add(doubtful: DoubtfulFile): void {
    const { file } = doubtful;
    this.#doubtful.set(file.key, doubtful);
    this.#totalBytes += file.bytes;
    const secretsAllowed = this.#options.maySecrets(file.key);
    this.#pool.add(secretsAllowed ? { ...file, secretsAllowed } : file);
  }

  /** Takes in a thread, and begins with what is there; see {@link GzipPool.join}. */
  join(thread: PublishThread, isFree: Promise<unknown>): Promise<void> {
    return this.#pool.join(thread, isFree);
  }

  /**
   * Reads all that is left.
   *
   * @throws {DrayerError} ABORTED when the signal says so
   */
  async finish(): Promise<void> {
    await this.#pool.drain();
    // Whichever thread was faster.
    this.fresh.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Signs a batch, together with the threads that have read the site; undefined without any. */
  get beginSigning(): BeginSigning | undefined {
    return this.#pool.beginSigning;
  }

  /** Ends the other threads, and what they may still be doing. */
  close(): Promise<void> {
    return this.#pool.close();
  }

  // Only when its turn has come: values are read one after the other, not all at once.
  #withHeldContent(job: EncodeJob): EncodeJob {
    const record = this.#doubtful.get(job.key)?.record;
    const value = record && this.#stream.reader.readValue(record);
    if (value === undefined) return job;
    return { ...job, heldContentHash: heldContentHash(value, job.bytes) };
  }

  #take(result: EncodeResult): void {
    if (result.kind === 'fault') this.faults.push(result.fault);
    else this.#takeFile(result);
    this.#options.onProgress?.({
      files: this.fresh.length + this.same.length + this.faults.length,
      totalFiles: this.#doubtful.size,
      bytes: this.bytesRead,
      totalBytes: this.#totalBytes,
    });
  }

  #takeFile(result: Exclude<EncodeResult, { kind: 'fault' }>): void {
    const doubtful = this.#doubtful.get(result.file.key);
    const held = doubtful?.record?.hash;
    this.bytesRead += result.file.bytes;
    if (result.file.stamp !== doubtful?.file.stamp) this.isAsFound = false;
    if (result.kind === 'same') {
      // Found the same as what a record holds, so there is one.
      if (held !== undefined) this.same.push({ ...result.file, hash: held });
      return;
    }
    const { value, hash, ...read } = result.file;
    if (held !== undefined && bytesEqual(held, hash)) {
      this.same.push({ ...read, hash });
      return;
    }
    this.#options.onValue(hash, value);
    this.bytesStored += value.length;
    this.fresh.push({ ...read, hash });
  }
}
