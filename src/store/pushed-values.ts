/**
 * The values that were uploaded for a stream and belong to no generation yet: a folder beside the stream
 * file, a file for each, named by its hash. What is in it counts against the quota and is believed only
 * after its hash was checked, so it may be lost in a power cut and nothing more.
 */
import { readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hash } from '#crypto';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { fileError, isErrno, makePrivateFolder } from './durable-file.ts';

/** What nobody has made a generation of in this time is thrown away. */
const KEPT_MS = 24 * 60 * 60 * 1000;
const NAME = /^[0-9a-f]{64}$/;

/** The uploaded values of one stream. Use {@link openPushedValues}. */
export class PushedValues {
  readonly #folder: string;
  /** Bytes of each file by its name, those still on their way included. */
  readonly #sizes = new Map<string, number>();
  #bytes = 0;
  #next = 0;

  /** Use {@link openPushedValues}. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#look();
  }

  /** Bytes of all that is here or on its way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a value was uploaded whole. */
  has(digest: Uint8Array): boolean {
    return this.#sizes.has(nameOf(digest));
  }

  /** An uploaded value; undefined where there is none, or it is not what was uploaded. */
  read(digest: Uint8Array): Uint8Array | undefined {
    const name = nameOf(digest);
    if (!this.#sizes.has(name)) return undefined;
    const value = readIfThere(join(this.#folder, name));
    if (value !== undefined && bytesEqual(hash(value), digest)) return value;
    this.#remove(name);
    return undefined;
  }

  /**
   * Takes in a value as it comes; none of it stays where it does not come whole.
   *
   * @param size - bytes that were announced; they are reserved until it has come
   * @throws {DrayerError} MALFORMED when it is shorter or longer, or has another hash
   */
  async receive(
    digest: Uint8Array,
    size: number,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const part = this.#beginPart(size);
    const name = nameOf(digest);
    try {
      await writeAll(part.path, size, chunks);
      const value = readFileSync(part.path);
      if (!bytesEqual(hash(value), digest)) throw wrong(`the value has not the hash ${name}`);
      this.#finishPart(part, name, size);
    } catch (error) {
      throw this.#failed(part, error);
    } finally {
      this.#count(part.name, undefined);
    }
  }

  /** Takes in a value that is in memory. */
  async keep(digest: Uint8Array, value: Uint8Array): Promise<void> {
    const name = nameOf(digest);
    if (this.#sizes.has(name)) return;
    const part = this.#beginPart(value.length);
    try {
      // Not kept open in between: two short calls, where a stream takes five.
      await writeFile(part.path, value, { flag: 'wx', mode: 0o600 });
      this.#finishPart(part, name, value.length);
    } catch (error) {
      throw this.#failed(part, error);
    } finally {
      this.#count(part.name, undefined);
    }
  }

  /** Throws away values that a generation has now, and what has lain here for a day. */
  discard(digests: Iterable<Uint8Array>, nowMs: number = Date.now()): void {
    for (const digest of digests) {
      const name = nameOf(digest);
      if (this.#sizes.has(name)) this.#remove(name);
    }
    for (const name of this.#sizes.keys()) {
      if (NAME.test(name) && this.#isOld(name, nowMs)) this.#remove(name);
    }
  }

  /** Makes room for a value under a name of its own. */
  #beginPart(size: number): Part {
    this.#next += 1;
    const name = `part-${process.pid}-${this.#next}`;
    makePrivateFolder(this.#folder);
    this.#count(name, size);
    return { name, path: join(this.#folder, name) };
  }

  #finishPart(part: Part, name: string, size: number): void {
    renameSync(part.path, join(this.#folder, name));
    this.#count(name, size);
  }

  #failed(part: Part, error: unknown): unknown {
    rmSync(part.path, { force: true });
    const isDisk = ['ENOSPC', 'EACCES', 'EROFS'].some((code) => isErrno(error, code));
    return isDisk ? fileError(this.#folder, 'cannot keep an uploaded value', error) : error;
  }

  #isOld(name: string, nowMs: number): boolean {
    const stats = statSync(join(this.#folder, name), { throwIfNoEntry: false });
    return stats === undefined || stats.mtimeMs < nowMs - KEPT_MS;
  }

  #count(name: string, size: number | undefined): void {
    this.#bytes += (size ?? 0) - (this.#sizes.get(name) ?? 0);
    if (size === undefined) this.#sizes.delete(name);
    else this.#sizes.set(name, size);
  }

  #remove(name: string): void {
    rmSync(join(this.#folder, name), { force: true });
    this.#count(name, undefined);
  }

  /** Takes stock; what an earlier process did not finish is thrown away. */
  #look(): void {
    for (const name of namesIn(this.#folder)) {
      const path = join(this.#folder, name);
      if (NAME.test(name)) this.#count(name, statSync(path).size);
      else if (name.startsWith('part-')) rmSync(path, { force: true });
    }
  }
}

type Part = { readonly name: string; readonly path: string };

/** Opens the uploaded values of the stream at `streamPath`; makes no folder. */
export function openPushedValues(streamPath: string): PushedValues {
  return new PushedValues(`${streamPath}.pushed`);
}

async function writeAll(
  path: string,
  size: number,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  let written = 0;
  try {
    for await (const chunk of chunks) {
      written += chunk.length;
      if (written > size) throw wrong(`the value is longer than the ${size} bytes announced`);
      await file.write(chunk);
    }
  } finally {
    await file.close();
  }
  if (written < size) throw wrong(`the value ends after ${written} of ${size} bytes`);
}

function wrong(message: string): DrayerError {
  return new DrayerError('MALFORMED', message);
}

function nameOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex');
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw fileError(folder, 'cannot look for uploaded values', error);
  }
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw fileError(path, 'cannot read an uploaded value', error);
  }
}
