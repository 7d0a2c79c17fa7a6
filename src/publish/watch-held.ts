/**
 * What a stream holds of a site, kept in memory from one generation to the next: read anew only where
 * somebody else has changed the stream.
 */
import type { SignedRecord } from '../core/record.ts';
import type { StatEntry } from '../store/stat-cache.ts';
import type { Stream } from '../store/stream.ts';
import { FILE_TYPE } from '../store/typed-reads.ts';
import type { HeldFiles } from './diff.ts';
import { type Done, type HeldSite, readHeldFiles, remember } from './held-site.ts';

/** The files of one stream, as they are at one tip. */
export class HeldMemory {
  readonly #stream: Stream;
  #known = new Map<string, StatEntry>();
  #records = new Map<string, SignedRecord>();
  #tip: number | undefined;
  /** Whether the next publish can tell by one look that nothing has changed. */
  #isSaved = false;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** The stream before a publish. */
  site(): HeldSite {
    // What is doubtful is known before it is read, so nothing is to be read ahead.
    return { generation: this.#stream.reader.generation(), digest: undefined, isEmpty: false };
  }

  /** The files it holds. */
  files(): HeldFiles {
    const tip = this.#stream.reader.view.modifiedTip();
    if (tip !== this.#tip) {
      const { known, records } = readHeldFiles(this.#stream);
      this.#known = new Map(known);
      this.#records = new Map(records);
      this.#tip = tip;
      this.#isSaved = false;
    }
    return { known: this.#known, records: this.#records };
  }

  /** Keeps what a publish has found out, on disk too. */
  remember(done: Done): void {
    const { diff, reading, generation } = done;
    const isNothing = diff.doubtful.length === 0 && diff.removed.length === 0;
    const isSummed = done.walk.summary !== undefined;
    if (isNothing && (this.#isSaved || !isSummed)) return;
    remember(this.#stream, done);
    this.#isSaved = isSummed;
    for (const key of diff.removed) {
      this.#records.delete(key);
      this.#known.delete(key);
    }
    for (const { key, stamp, hash } of [...reading.fresh, ...reading.same]) {
      if (stamp === undefined) this.#known.delete(key);
      else this.#known.set(key, { key, stamp, valueHash: hash });
    }
    for (const { key } of reading.fresh) {
      const record = this.#stream.reader.findRecord(FILE_TYPE, key);
      if (record !== undefined) this.#records.set(key, record);
    }
    this.#tip = generation.tip;
  }
}
