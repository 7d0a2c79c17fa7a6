/** `newRecords/<t>?limit=N&inline=B&head=H`: a page of records, large values left out or cut. */
import type { Micros, SignedRecord } from '../core/record.ts';
import type { StreamReader } from '../store/reader.ts';
import { LIMITS } from '../wire/limits.ts';
import { encodeArrayHeader, encodeRecord } from '../wire/record-codec.ts';

/** What a page is asked for with. */
export type PageRequest = {
  /** Only records with a higher `modified`. */
  readonly since: Micros;
  /** At most so many records. */
  readonly limit?: number | undefined;
  /** Values above so many bytes are left out. */
  readonly inline?: number | undefined;
  /** Of a value left out, so many bytes from its beginning. */
  readonly head?: number | undefined;
};

/** Records whose metadata is read at once. */
const STEP_RECORDS = 256;

/**
 * Encodes a page: at most the asked number of records and 8 MiB in all, at least one record where
 * there is one. Call it inside `reader.reading`.
 */
export function encodePage(reader: StreamReader, request: PageRequest): Uint8Array {
  const limit = Math.min(Math.max(1, request.limit ?? LIMITS.pageRecords), LIMITS.pageRecords);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for (const record of recordsSince(reader, request.since, limit)) {
    // Looked at before it is read: a film is not loaded to find that it does not fit.
    if (parts.length > 0 && bytes + inlineSize(reader, record, request) > LIMITS.pageBytes) break;
    const part = encodeWithin(reader, record, request);
    if (parts.length > 0 && bytes + part.length > LIMITS.pageBytes) break;
    parts.push(part);
    bytes += part.length;
  }
  return Buffer.concat([encodeArrayHeader(parts.length), ...parts]);
}

/** Encodes a record with its value, or without where it is larger than `inline`, or not held. */
export function encodeWithin(
  reader: StreamReader,
  record: SignedRecord,
  { inline, head }: Pick<PageRequest, 'inline' | 'head'>,
): Uint8Array {
  const size = reader.valueSize(record);
  if (size !== undefined && size <= (inline ?? Number.POSITIVE_INFINITY)) {
    return encodeRecord({ ...record, value: reader.readValue(record) }, reader.publicKey);
  }
  const headBytes = Math.min(head ?? 0, LIMITS.headBytes);
  if (size === undefined || headBytes === 0) return encodeRecord(record, reader.publicKey);
  const start = reader.readValueSlice(record, 0, headBytes);
  return encodeRecord(record, reader.publicKey, { head: start });
}

function inlineSize(reader: StreamReader, record: SignedRecord, { inline }: PageRequest): number {
  const size = reader.valueSize(record) ?? 0;
  return inline !== undefined && size > inline ? 0 : size;
}

function* recordsSince(
  reader: StreamReader,
  since: Micros,
  limit: number,
): Generator<SignedRecord, void> {
  let [after, left] = [since, limit];
  while (left > 0) {
    const page = reader.recordsSince(after, Math.min(left, STEP_RECORDS));
    for (const record of page) {
      yield record;
      after = record.modified;
    }
    if (page.length < STEP_RECORDS) return;
    left -= page.length;
  }
}
