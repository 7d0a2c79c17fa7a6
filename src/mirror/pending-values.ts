/**
 * The values a signed batch brings, on disk until it is taken. What was uploaded may be lost by the server, in a
 * power cut or because a day went by, and the folder it came from may be another by then; the batch can neither
 * be sent without them nor be signed anew.
 *
 * In a file, one after the other: hash (32 bytes), length (u32, big endian), value.
 */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { hash } from '#crypto';
import type { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { fileError, isErrno } from '../store/durable-file.ts';
import { nameOfHash } from '../store/hash-name.ts';

const HASH_BYTES = 32;
const HEAD_BYTES = HASH_BYTES + 4;

/** Values on their way to the disk. A disk that does not take them ends the keeping, and nothing else. */
export class ValuesToKeep {
  readonly #path: string;
  readonly #kept = new Set<string>();
  #file: number | undefined;
  #fault: DrayerError | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  has(digest: Uint8Array): boolean {
    return this.#kept.has(nameOfHash(digest));
  }

  /** Why nothing is kept; undefined where all of it is. */
  get fault(): DrayerError | undefined {
    return this.#fault;
  }

  /** Keeps a value, once. */
  add(digest: Uint8Array, value: Uint8Array): void {
    if (this.#fault !== undefined || this.has(digest)) return;
    const head = Buffer.alloc(HEAD_BYTES);
    head.set(digest);
    head.writeUInt32BE(value.length, HASH_BYTES);
    this.#guard(() => {
      this.#file ??= openSync(this.#path, 'w', 0o600);
      writeAll(this.#file, head);
      writeAll(this.#file, value);
    });
    this.#kept.add(nameOfHash(digest));
  }

  /** All of them are on disk when this returns; their folder's entry is with the batch's. */
  finish(): void {
    this.#guard(() => {
      if (this.#file !== undefined) fsyncSync(this.#file);
    });
    this.close();
  }

  /** Lets the file go. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #guard(write: () => void): void {
    try {
      write();
    } catch (cause) {
      this.#fault = fileError(this.#path, 'cannot keep what is published', cause);
      this.close();
      removeKeptValues(this.#path);
    }
  }
}

/** Values that are kept. */
export type KeptValues = {
  readonly hashes: readonly Uint8Array[];
  /** Undefined where it is not what was kept. */
  readValue(digest: Uint8Array): Uint8Array | undefined;
  close(): void;
};

/**
 * Opens what {@link ValuesToKeep} has kept; of a file that ends too early what is whole.
 *
 * @returns undefined where there is none
 * @throws {DrayerError} STORAGE_FAILED when it is there and cannot be read
 */
export function openKeptValues(path: string): KeptValues | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return undefined;
    throw fileError(path, 'cannot read what is to be published', cause);
  }
  const places = placesIn(file);
  return {
    hashes: [...places.values()].map(({ digest }) => digest),
    readValue(digest) {
      const place = places.get(nameOfHash(digest));
      const value = place && readAt(file, place.at, place.length);
      return value !== undefined && bytesEqual(hash(value), digest) ? value : undefined;
    },
    close: () => closeSync(file),
  };
}

/** Removes them. */
export function removeKeptValues(path: string): void {
  rmSync(path, { force: true, recursive: true });
}

type Place = { readonly digest: Uint8Array; readonly at: number; readonly length: number };

function placesIn(file: number): Map<string, Place> {
  const places = new Map<string, Place>();
  const end = fstatSync(file).size;
  for (let at = 0; at + HEAD_BYTES <= end; ) {
    const head = readAt(file, at, HEAD_BYTES);
    const length = head.readUInt32BE(HASH_BYTES);
    const digest = head.subarray(0, HASH_BYTES);
    at += HEAD_BYTES;
    if (at + length > end) break;
    places.set(nameOfHash(digest), { digest, at, length });
    at += length;
  }
  return places;
}

function readAt(file: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const got = readSync(file, bytes, done, length - done, at + done);
    if (got === 0) break;
    done += got;
  }
  return bytes;
}

/** A disk that is full takes a part first. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}
