/**
 * Erasing the last traces of deleted records (R7). SQLite overwrites what it deletes, but when it
 * moves rows between pages it leaves copies in their unused parts (about 1 deleted name in 100 was
 * still found in the file). Only writing the whole file anew removes them: 7 ms for each MB.
 */
import { statSync } from 'node:fs';
import { isDrayerError } from '../core/errors.ts';
import type { Connection } from './database.ts';
import type { LocalAttributes } from './local-attributes.ts';

/**
 * Largest file that is written anew without being asked when the stream is closed: about a second.
 */
const COMPACT_BYTES = 128 * 1024 * 1024;
/** Largest file that is written anew between two commits: a fifth of a second. */
const COMPACT_BETWEEN_BYTES = 32 * 1024 * 1024;
/** How long a session that stays open may leave it, in ms. */
const BETWEEN_MS = 10 * 60 * 1000;

const DUE = 'compact';

/** Compacts one stream file when deletes have made that due. Lives as long as its connection. */
export class Compactor {
  readonly #connection: Connection;
  readonly #local: LocalAttributes;
  #isDue: boolean;
  #nextMs = performance.now() + BETWEEN_MS;

  constructor(connection: Connection, local: LocalAttributes) {
    this.#connection = connection;
    this.#local = local;
    this.#isDue = local.get(DUE) !== undefined;
  }

  /** Whether something was deleted since it was last compacted. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** Notes a delete. Called inside its transaction, so that a crash does not forget it. */
  note(): void {
    if (this.#local.get(DUE) === undefined) this.#local.set(DUE, 'due');
    this.#isDue = true;
  }

  /** After a commit: empties the log; compacts a small file once in a while. */
  rest(): void {
    const isTime = performance.now() >= this.#nextMs;
    this.#finish(isTime ? COMPACT_BETWEEN_BYTES : 0);
  }

  /** At the end: empties the log; compacts where that is due and the file is not very large. */
  finish(): void {
    this.#finish(COMPACT_BYTES);
  }

  /**
   * Compacts, whatever the size. Takes as much free space again as the file has.
   *
   * @throws {DrayerError} STREAM_BUSY, STORAGE_FAILED when it cannot be done now
   */
  compact(): void {
    this.#nextMs = performance.now() + BETWEEN_MS;
    this.#connection.writeAnew();
    this.#local.set(DUE, undefined);
    this.#isDue = false;
    this.#connection.truncateLog();
  }

  #finish(maxBytes: number): void {
    try {
      this.#connection.truncateLog();
      if (!this.#isDue || statSync(this.#connection.file).size > maxBytes) return;
      this.compact();
    } catch (error) {
      // A reader in the middle of a transaction, no room for a second copy: it stays due, also for
      // the next process.
      if (!isDrayerError(error)) throw error;
    }
  }
}
