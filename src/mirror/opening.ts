/** Asking a source for its records, before or while what came is worked with. */
import type { Micros } from '../core/record.ts';
import type { ValueMode } from '../store/value-mode.ts';
import type { Batch, Source } from './source.ts';

/**
 * Values up to so many bytes come with their records; larger ones are asked for by hash, several at
 * once, and one that is held already is not asked for at all. Without a delay on the line any size
 * from 16 KiB to 8 MiB is as fast; with one, a quarter of a megabyte is about a round trip's worth.
 */
const INLINE_BYTES: number = 256 * 1024;

/** Records on their way. */
export type Batches = AsyncGenerator<Batch, void, void>;

/** A batch; or the end, with the error that made it. */
export type Arrival = { readonly batch?: Batch; readonly error?: unknown };

/** What comes next; never rejects, because what came before is to be staged first. */
export async function arrive(batches: Batches): Promise<Arrival> {
  try {
    const { done, value } = await batches.next();
    return done ? {} : { batch: value };
  } catch (error) {
    return { error };
  }
}

/** A source's records that have been asked for, with the first of them here or on the way. */
export type Opening = {
  readonly since: Micros;
  readonly batches: Batches;
  readonly first: Arrival | Promise<Arrival>;
};

/**
 * Asks a source for what it has after `since`, and waits for the first of it.
 *
 * @throws {DrayerError} what kept the source from sending any
 */
export async function openSource(source: Source, since: Micros, mode: ValueMode): Promise<Opening> {
  const batches = requestRecords(source, since, mode);
  const first = await arrive(batches);
  if (first.error !== undefined) throw first.error;
  return { since, batches, first };
}

/** Asks for all records after `since`, with small values as far as all of them are wanted (R18). */
export function requestRecords(source: Source, since: Micros, mode: ValueMode): Batches {
  const { metadataOnly, newest, types, maxBytes = INLINE_BYTES } = mode;
  // Which of them are wanted is not known before all records are there, or not to the source.
  const isChosen = metadataOnly === true || (newest ?? types) !== undefined;
  return source.batches({ since, inlineBytes: isChosen ? 0 : Math.min(INLINE_BYTES, maxBytes) });
}

/** Wants no more of them. */
export function letGo(batches: Batches): void {
  // Not awaited: a batch may be on its way.
  void batches.return().catch(() => {});
}
