/** `newRecords/<t>?limit=N&inline=B&head=H`: a page of records, large values left out or cut. */
import { MsgpackWriter } from '../core/msgpack-writer.ts';
import type { Micros, SignedRecord } from '../core/record.ts';
import type { ValuedRecord } from '../store/lists.ts';
import type { StreamReader } from '../store/reader.ts';
import { LIMITS } from '../wire/limits.ts';
import { encodeArrayHeader, encodeRecord, mostBytesOf, writeRecord } from '../wire/record-codec.ts';

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

/** A page, and where the next one begins. */
export type Page = {
  readonly body: Uint8Array;
  /** `modified` of its last record; undefined for an empty page. */
  readonly last: Micros | undefined;
};

/** Records that are read at once, with those of their values that are small. */
const STEP_RECORDS = 32;
const SMALL_BYTES: number = 256 * 1024;

/**
 * Encodes a page: at most the asked number of records and 8 MiB in all, at least one record where
 * there is one. Call it inside `reader.reading`.
 */
export function encodePage(reader: StreamReader, request: PageRequest): Page {
  const { inline = Number.POSITIVE_INFINITY } = request;
  const limit = Math.min(Math.max(1, request.limit ?? LIMITS.pageRecords), LIMITS.pageRecords);
  const parts: Uint8Array[] = [];
  let count = 0;
  let bytes = 0;
  let last: Micros | undefined;
  for (const step of stepsSince(reader, request.since, { limit, inline })) {
    // One piece of memory for all of a step.
    const writer = new MsgpackWriter(
      step.reduce((sum, { record, value }) => sum + mostBytesOf(record, value?.length), 0),
    );
    for (const one of step) {
      // Looked at before it is read: a film is not loaded to find that it does not fit.
      const size = mostBytesOf(one.record, (one.size ?? 0) <= inline ? one.size : 0);
      if (count > 0 && bytes + size > LIMITS.pageBytes) {
        return finish([...parts, writer.finish()], count, last);
      }
      writeWithin(writer, reader, one, request);
      count += 1;
      bytes += size;
      last = one.record.modified;
    }
    parts.push(writer.finish());
  }
  return finish(parts, count, last);
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
  return encodeRecord(record, reader.publicKey, { head: headOf(reader, record, { size, head }) });
}

function finish(parts: readonly Uint8Array[], count: number, last: Micros | undefined): Page {
  return { body: Buffer.concat([encodeArrayHeader(count), ...parts]), last };
}

function writeWithin(
  writer: MsgpackWriter,
  reader: StreamReader,
  { record, size, value }: ValuedRecord,
  { inline = Number.POSITIVE_INFINITY, head }: PageRequest,
): void {
  const isWithin = size !== undefined && size <= inline;
  if (isWithin) {
    const whole = { ...record, value: value ?? reader.readValue(record) };
    writeRecord(writer, whole, reader.publicKey);
  } else {
    const start = headOf(reader, record, { size, head });
    writeRecord(writer, record, reader.publicKey, { head: start });
  }
}

function headOf(
  reader: StreamReader,
  record: SignedRecord,
  { size, head = 0 }: { readonly size: number | undefined; readonly head?: number | undefined },
): Uint8Array | undefined {
  if (size === undefined || head === 0) return undefined;
  return reader.readValueSlice(record, 0, Math.min(head, LIMITS.headBytes));
}

function* stepsSince(
  reader: StreamReader,
  since: Micros,
  { limit, inline }: { readonly limit: number; readonly inline: number },
): Generator<readonly ValuedRecord[], void> {
  const small = Math.min(inline, SMALL_BYTES);
  let [after, left] = [since, limit];
  while (left > 0) {
    const wanted = Math.min(left, STEP_RECORDS);
    const step = reader.valuesSince(after, wanted, small);
    yield step;
    if (step.length < wanted) return;
    after = step.at(-1)?.record.modified ?? after;
    left -= step.length;
  }
}
