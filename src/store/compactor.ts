/**
 * Erasing the last traces of deleted records (R7). SQLite overwrites what it deletes, but when it
 * moves rows between pages it leaves copies in their unused parts (about 1 deleted name in 100 was
 * still found in the file). Only writing the whole file anew removes them: 7 ms for each MB.
 */
import { statSync } from 'node:fs';
import { isDrayerError } from '../core/errors.ts';
import type { Connection } from './database.ts';
import type { LocalAttributes } from './local-attributes.ts';

/** Largest file that is written anew without being asked: about a second. */
export const COMPACT_BYTES: number = 128 * 1024 * 1024;

const DUE = 'compact';
// Of a session with very many deletes, compacting takes a twentieth of the time.
const REST_FACTOR = 20;

/** Compacts one stream file when deletes have made that due. Lives as long as its connection. */
export class Compactor {
  readonly #connection: Connection;
  readonly #local: LocalAttributes;
  #isDue: boolean;
  #restUntilMs = 0;

  constructor(connection: Connection, local: LocalAttributes) {
    this.#connection = connection;
    this.#local = local;
    this.#isDue = local.get(DUE) !== undefined;
  }

  /** Notes a delete. Called inside its transaction, so that a crash does not forget it. */
  note(): void {
    if (this.#isDue) return;
    this.#local.set(DUE, 'due');
    this.#isDue = true;
  }

  /** After a commit: empties the log; compacts too if that is due and the last time is long ago. */
  rest(): void {
    if (performance.now() >= this.#restUntilMs) this.finish();
    else this.#connection.truncateLog();
  }

  /**
   * Empties the log, and compacts where that is due and the file is not large. What prevents it (a reader in the
   * middle of a transaction, no room for a second copy) is tried again later.
   */
  finish(): void {
    const isLarge = statSync(this.#connection.path).size > COMPACT_BYTES;
    try {
      this.#connection.truncateLog();
      if (this.#isDue && !isLarge) this.compact();
    } catch (error) {
      if (!isDrayerError(error)) throw error;
    }
  }

  /**
   * Compacts, whatever the size. Takes as much free space again as the file has.
   *
   * @throws {DrayerError} STREAM_BUSY, STORAGE_FAILED when it cannot be done now
   */
  compact(): void {
    const started = performance.now();
    try {
      this.#connection.writeAnew();
      this.#local.set(DUE, undefined);
      this.#isDue = false;
    } finally {
      const now = performance.now();
      this.#restUntilMs = now + REST_FACTOR * (now - started);
    }
  }
}
