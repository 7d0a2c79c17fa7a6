/**
 * Small facts about a stream that are kept in its file, of this machine only, never sent or signed.
 */
import type { Connection } from './database.ts';

/** The local attributes of one stream file. */
export class LocalAttributes {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Returns an attribute, undefined where there is none. */
  get(name: string): string | undefined {
    return this.#connection
      .query<{ value: string }>('SELECT value FROM drayer_local WHERE name = ?')
      .get(name)?.value;
  }

  /** Keeps an attribute; undefined forgets it. */
  set(name: string, value: string | undefined): void {
    if (value === undefined) {
      this.#connection.query('DELETE FROM drayer_local WHERE name = ?').run(name);
      return;
    }
    this.#connection
      .query('INSERT OR REPLACE INTO drayer_local (name, value) VALUES (?, ?)')
      .run(name, value);
  }
}

/** Attribute of a stream made without snapshots; its value is `no`. */
export const SNAPSHOTS_ATTRIBUTE = 'snapshots';
/** Attribute of a stream whose generations get stale: after how many micros (R20). */
export const LIFETIME_ATTRIBUTE = 'lifetime';
