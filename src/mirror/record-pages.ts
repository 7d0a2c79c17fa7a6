/** Reading one page of a source's records as it arrives, in batches that are worked with meanwhile. */
import { DrayerError } from '../core/errors.ts';
import type { Micros, SignedRecord } from '../core/record.ts';
import { LIMITS } from '../wire/limits.ts';
import type { WireRecord } from '../wire/record-codec.ts';
import { RecordReader } from '../wire/record-reader.ts';
import type { HttpResponse } from './http-client.ts';
import { blame } from './peer-errors.ts';

/** Some records of a page, in the order they came; values are attached where they came too. */
export type Batch = {
  readonly records: readonly SignedRecord[];
  /** What it took on the wire, about. */
  readonly bytes: number;
  /** The peer's tip as it says; a hint for progress only. */
  readonly peerTip: Micros | undefined;
  /** By id, the first bytes of values that were left out, where they were asked for. */
  readonly heads: ReadonlyMap<number, Uint8Array>;
};

/** The head of a page. */
export type PageHead = {
  readonly answer: HttpResponse;
  readonly peerTip: Micros | undefined;
  /** All records at once, as an original sends them. */
  readonly isWhole: boolean;
};

/** A batch is handed on when it has so many records or bytes, so that work begins before a page ends. */
const BATCH_RECORDS = 256;
const BATCH_BYTES = 1024 * 1024;
/** A page is full before its last record. */
const PAGE_BYTES: number = LIMITS.pageBytes + LIMITS.recordBytes + LIMITS.metadataBytes;

/**
 * Yields the records of a page, and returns the last one's `modified`, or `since` for an empty page.
 *
 * @param own - takes a record as it came for one of the stream's, or throws
 * @throws {DrayerError} PEER_MISBEHAVED when it is not a list of records in ascending order
 */
export async function* readPage(
  { answer, peerTip, isWhole }: PageHead,
  since: Micros,
  own: (record: WireRecord) => SignedRecord,
): AsyncGenerator<Batch, Micros, void> {
  const reader = new RecordReader();
  const maxBytes = isWhole ? Number.POSITIVE_INFINITY : PAGE_BYTES;
  let records: SignedRecord[] = [];
  let heads = new Map<number, Uint8Array>();
  let bytes = 0;
  let last = since;
  const flush = (): Batch => {
    const batch = { records, bytes, peerTip, heads };
    records = [];
    heads = new Map();
    bytes = 0;
    return batch;
  };
  try {
    for await (const chunk of answer.body(maxBytes)) {
      bytes += chunk.length;
      for (const record of reader.push(chunk)) {
        if (record.modified <= last) throw notAscending(record, last);
        last = record.modified;
        records.push(own(record));
        // A copy, as of everything else that is kept.
        if (record.head !== undefined) heads.set(record.id, new Uint8Array(record.head));
      }
      if (records.length >= BATCH_RECORDS || bytes >= BATCH_BYTES) yield flush();
    }
    reader.end();
  } catch (error) {
    if (records.length > 0) yield flush();
    throw blame(answer.url, error);
  }
  if (records.length > 0) yield flush();
  return last;
}

function notAscending(record: WireRecord, last: Micros): DrayerError {
  const message = `expected a record after ${last}, got record ${record.id} at ${record.modified}`;
  return new DrayerError('MALFORMED', message);
}
