/**
 * Reads a whole site and finds out which of its files differ from records whose values are elsewhere.
 */
import { hash } from '#crypto';
import { isDrayerError } from '../core/errors.ts';
import { bytesEqual, type SignedRecord } from '../core/record.ts';
import { decodeFile, type FileValue } from '../files/file-record.ts';
import { MAX_FILE_BYTES } from '../files/site-path.ts';
import { GZIP_HEADER } from '../files/stored-gzip.ts';
import { type EncodeJob, type EncodeResult, encodeDiskFile } from './encode-disk-file.ts';
import { GzipPool } from './gzip-pool.ts';
import { heldContentHash } from './held-content.ts';
import { secretsAllowedIn } from './open-reading.ts';
import { faultsError, type PublishFault } from './publish-fault.ts';
import type { PublishOptions } from './publish-once.ts';
import { secretNeedles } from './secret-scan.ts';
import type { DiskFile } from './walk.ts';

/** The file records to compare with. */
export type ServedFiles = {
  readonly publicKey: Uint8Array;
  /** By key. */
  readonly records: ReadonlyMap<string, SignedRecord>;
  /** The first bytes of a record's value, undefined where they are not known. */
  headOf(record: SignedRecord): Uint8Array | undefined;
  /** Fetches a value. */
  readValue(hash: Uint8Array): Promise<Uint8Array | undefined>;
};

/** Options of {@link compareSite}. */
export type CompareOptions = Omit<PublishOptions, 'dryRun' | 'secretKey'> & {
  /** The key that will sign: no file may contain it. */
  readonly secretKey: Uint8Array;
  /** Absolute paths that are never published, wherever they lie. */
  readonly ownFiles: readonly string[];
};

/** A file that is to be written. */
export type FreshFile = {
  readonly key: string;
  /** Of the value. */
  readonly hash: Uint8Array;
};

/** Values up to so many bytes in all are kept until they are asked for. */
const KEPT_BYTES = 64 * 1024 * 1024;

/** A file that is to be written, and how it is read again. */
export type Fresh = FreshFile & { readonly bytes: number; readonly job: EncodeJob };

/** One reading of a site. */
export class ServedReading {
  readonly fresh: Map<string, Fresh> = new Map();
  readonly faults: PublishFault[] = [];
  bytesRead = 0;
  bytesStored = 0;
  readonly #served: ServedFiles;
  readonly #options: CompareOptions;
  readonly #settings: { readonly maxBytes: number; readonly needles: readonly Uint8Array[] };
  readonly #jobs = new Map<string, EncodeJob>();
  readonly #values = new Map<string, Uint8Array>();
  readonly #foreign: Fresh[] = [];
  #keptBytes = 0;
  #totalBytes = 0;
  #read = 0;

  constructor(served: ServedFiles, options: CompareOptions) {
    const { secretKey, maxFileBytes = MAX_FILE_BYTES } = options;
    this.#served = served;
    this.#options = options;
    this.#settings = { maxBytes: maxFileBytes, needles: secretNeedles(secretKey) };
  }

  /** Reads all of them. */
  async read(files: readonly DiskFile[]): Promise<void> {
    const { threads, signal } = this.#options;
    const maySecrets = secretsAllowedIn(this.#options);
    const onResult = (result: EncodeResult): void => this.#take(result);
    const pool = new GzipPool({ settings: this.#settings, threads, signal, onResult });
    try {
      for (const file of files) {
        const job = this.#jobOf(file, maySecrets(file.key));
        this.#jobs.set(file.key, job);
        this.#totalBytes += file.bytes;
        pool.add(job);
      }
      await pool.drain();
    } finally {
      await pool.close();
    }
    for (const one of this.#foreign) await this.#compareContent(one);
  }

  /** See {@link SiteComparison.readValue}. */
  readValue(digest: Uint8Array): Uint8Array | undefined {
    const name = nameOf(digest);
    const kept = this.#values.get(name);
    if (kept !== undefined) return kept;
    const found = [...this.fresh.values()].find((one) => nameOf(one.hash) === name);
    if (found === undefined) return undefined;
    const result = encodeDiskFile(found.job, this.#settings);
    if (result.kind === 'encoded' && bytesEqual(result.file.hash, digest)) return result.file.value;
    const message = 'the file was written to while it was published';
    const fault = { path: found.key, code: 'FILE_CHANGING', message } as const;
    throw faultsError([result.kind === 'fault' ? result.fault : fault]);
  }

  #jobOf(file: DiskFile, secretsAllowed: boolean): EncodeJob {
    const record = this.#served.records.get(file.key);
    const head = record && this.#served.headOf(record);
    const timeMicros = head && partsOf(head)?.timeMicros;
    if (record === undefined || timeMicros === undefined) return { ...file, secretsAllowed };
    return { ...file, secretsAllowed, heldValue: { timeMicros, hash: record.hash } };
  }

  #take(result: EncodeResult): void {
    if (result.kind === 'fault') this.faults.push(result.fault);
    else {
      this.bytesRead += result.file.bytes;
      if (result.kind === 'encoded') this.#takeFile(result.file);
    }
    const total = { totalFiles: this.#jobs.size, totalBytes: this.#totalBytes };
    this.#read += 1;
    this.#options.onProgress?.({ files: this.#read, bytes: this.bytesRead, ...total });
  }

  #takeFile(file: Extract<EncodeResult, { kind: 'encoded' }>['file']): void {
    const { key, bytes, value, hash: digest } = file;
    if (this.#isHeld(file)) return;
    const job = this.#jobs.get(key);
    if (job === undefined) return;
    const one = { key, hash: digest, bytes, job };
    this.fresh.set(key, one);
    this.bytesStored += value.length;
    if (this.#isForeign(key)) this.#foreign.push(one);
    if (this.#keptBytes + value.length > KEPT_BYTES) return;
    this.#keptBytes += value.length;
    this.#values.set(nameOf(digest), value);
  }

  // A header that is not as we write it, the original's: with it the value may be the same all the same.
  #isHeld({
    key,
    value,
    hash: digest,
  }: {
    readonly key: string;
    readonly value: Uint8Array;
    readonly hash: Uint8Array;
  }): boolean {
    const record = this.#served.records.get(key);
    if (record === undefined) return false;
    if (bytesEqual(record.hash, digest)) return true;
    const head = this.#served.headOf(record);
    const start = head && partsOf(head)?.gzipStart;
    if (head === undefined || start === undefined || start > head.length) return false;
    const { gzip } = decodeFile(value);
    const rebuilt = new Uint8Array(start + gzip.length);
    rebuilt.set(head.subarray(0, start));
    rebuilt.set(gzip, start);
    return bytesEqual(hash(rebuilt), record.hash);
  }

  /** Whether another program has compressed it: then other bytes do not mean another content. */
  #isForeign(key: string): boolean {
    const record = this.#served.records.get(key);
    const head = record && this.#served.headOf(record);
    const start = head && partsOf(head)?.gzipStart;
    if (head === undefined || start === undefined) return record !== undefined;
    return !bytesEqual(head.subarray(start, start + GZIP_HEADER.length), GZIP_HEADER);
  }

  async #compareContent(one: Fresh): Promise<void> {
    const record = this.#served.records.get(one.key);
    const value = record && (await this.#served.readValue(record.hash));
    const content = value && heldContentHash(value, one.bytes);
    if (content === undefined) return;
    const { job } = one;
    const result = encodeDiskFile({ ...job, heldContentHash: content }, this.#settings);
    if (result.kind !== 'same') return;
    this.fresh.delete(one.key);
    this.bytesStored -= this.#values.get(nameOf(one.hash))?.length ?? 0;
    this.#values.delete(nameOf(one.hash));
  }
}

/** What the first bytes of a value say; undefined where they are no file's. */
function partsOf(head: Uint8Array): FileValue | undefined {
  try {
    return decodeFile(head);
  } catch (error) {
    // Also where the header is longer than the head: rare enough to be fetched.
    if (isDrayerError(error, 'FILE_RECORD_INVALID')) return undefined;
    throw error;
  }
}

function nameOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString('latin1');
}
