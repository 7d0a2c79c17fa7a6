/**
 * Values that wait for their commit (R11: values are prepared first). Up to a budget they stay in
 * memory, what comes after goes to a file, so that a large publish needs little memory.
 */
import { nameOfHash } from './hash-name.ts';
import { SpillFile, type SpillPlace } from './spill-file.ts';

/** Bytes of prepared values that are kept in memory. */
const MEMORY_BYTES: number = 16 * 1024 * 1024;
/** A value larger than this is not worth its memory: writing it out costs little a byte. */
const SMALL_BYTES: number = 256 * 1024;

/** A set of prepared values of one stream, by hash. */
export class PreparedValues {
  readonly #path: string;
  readonly #held = new Map<string, Uint8Array>();
  readonly #spilled = new Map<string, SpillPlace>();
  #file: SpillFile | undefined;
  #heldBytes = 0;
  #spilledBytes = 0;

  /** @param path - the stream's file */
  constructor(path: string) {
    this.#path = path;
  }

  /** How many bytes are kept. */
  get bytes(): number {
    return this.#heldBytes + this.#spilledBytes;
  }

  /** How many values are kept. */
  get count(): number {
    return this.#held.size + this.#spilled.size;
  }

  /**
   * Keeps a value, which must not be changed afterwards.
   *
   * @throws {DrayerError} STORAGE_FAILED where there is no room for it
   */
  put(hash: Uint8Array, value: Uint8Array): void {
    const name = nameOfHash(hash);
    if (this.#held.has(name) || this.#spilled.has(name)) return;
    const isSmall = value.length <= SMALL_BYTES;
    if (isSmall && this.#heldBytes + value.length <= MEMORY_BYTES) {
      this.#held.set(name, value);
      this.#heldBytes += value.length;
      return;
    }
    this.#file ??= new SpillFile(this.#path);
    this.#spilled.set(name, this.#file.append(value));
    this.#spilledBytes += value.length;
  }

  /** Returns a value that was kept, or undefined. */
  get(hash: Uint8Array): Uint8Array | undefined {
    const isSpilled = this.#spilled.has(nameOfHash(hash));
    return isSpilled ? this.lend(hash)?.slice() : this.lend(hash);
  }

  /** The same, for a look: its memory may be used again by the next call. */
  lend(hash: Uint8Array): Uint8Array | undefined {
    const name = nameOfHash(hash);
    const place = this.#spilled.get(name);
    return place === undefined ? this.#held.get(name) : this.#file?.read(place);
  }

  /** Tells whether a value was kept. */
  has(hash: Uint8Array): boolean {
    const name = nameOfHash(hash);
    return this.#held.has(name) || this.#spilled.has(name);
  }

  /** Lets all of them go. */
  clear(): void {
    this.#held.clear();
    this.#heldBytes = 0;
    this.#spilled.clear();
    this.#spilledBytes = 0;
    // Forgotten first: a descriptor that cannot be closed is not to be closed twice.
    const file = this.#file;
    this.#file = undefined;
    file?.close();
  }
}
