/**
 * Records on the wire: a list of maps for `newRecords`, one map for `crdr` and `record`
 * (PROTOCOL.md §6). Fields are written in the original's order, text as str, bytes as bin.
 * Lists are read by record-reader.ts, as they arrive.
 */
import { MsgpackReader } from '../core/msgpack-reader.ts';
import { MsgpackWriter } from '../core/msgpack-writer.ts';
import type { SignedRecord } from '../core/record.ts';
import { type Field, RecordFields, type WireRecord } from './record-fields.ts';

export type { WireRecord };

/**
 * Returns a record as a map.
 *
 * @param publicKey - of the stream, written as `chain`
 * @param options - `head`: the first bytes of a value that is left out
 */
export function encodeRecord(
  record: SignedRecord,
  publicKey: Uint8Array,
  { head }: { readonly head?: Uint8Array | undefined } = {},
): Uint8Array {
  const writer = new MsgpackWriter(mostBytesOf(record, record.value?.length));
  return writeRecord(writer, record, publicKey, { head }).finish();
}

/** Returns how many bytes a record takes as a map at most, its first bytes included. */
export function mostBytesOf(record: Pick<SignedRecord, 'type' | 'key'>, valueBytes = 0): number {
  // Text takes at most three bytes a UTF-16 unit; 512 covers everything else but the value.
  return 512 + 3 * (record.key.length + record.type.length) + valueBytes;
}

/** Writes a record as {@link encodeRecord} returns it. */
export function writeRecord(
  writer: MsgpackWriter,
  record: SignedRecord,
  publicKey: Uint8Array,
  { head }: { readonly head?: Uint8Array | undefined } = {},
): MsgpackWriter {
  const { value } = record;
  writer.map(10 + (value === undefined ? 0 : 1) + (head === undefined ? 0 : 1));
  writer.str('hash').bin(record.hash).str('type').str(record.type).str('key').str(record.key);
  if (value !== undefined) writer.str('val').bin(value);
  writer.str('id').int(record.id).str('sig').bin(record.signature);
  writer.str('prev').int(record.prev).str('prevch').int(record.prevChange);
  writer.str('ts').int(record.timestamp).str('mod').int(record.modified);
  writer.str('chain').bin(publicKey);
  if (head !== undefined) writer.str('head').bin(head);
  return writer;
}

/** Returns what begins a list of `size` records; the records follow one after another. */
export function encodeArrayHeader(size: number): Uint8Array {
  return new MsgpackWriter(8).array(size).finish();
}

/** Returns a whole list of records, for lists that fit in memory. */
export function encodeRecords(records: readonly SignedRecord[], publicKey: Uint8Array): Uint8Array {
  const writer = new MsgpackWriter().array(records.length);
  for (const record of records) writer.raw(encodeRecord(record, publicKey));
  return writer.finish();
}

/**
 * Reads one record, nothing before or after it. Neither its signature nor its bounds are checked.
 *
 * @throws {DrayerError} MALFORMED when it is not a map with every field, each once
 */
export function decodeRecord(body: Uint8Array): WireRecord {
  const reader = new MsgpackReader(body);
  const record = readFields(reader, 2).record();
  reader.end();
  return record;
}

/**
 * Reads the fields of the map that comes next.
 *
 * @param levels - how many containers may lie within each other in an unknown field
 */
export function readFields(reader: MsgpackReader, levels: number): RecordFields {
  const fields = new RecordFields();
  for (let left = reader.map(); left > 0; left -= 1) {
    const field = readName(reader, fields, levels);
    if (field === -1) reader.skip(levels);
    else fields.take(field, reader);
  }
  return fields;
}

// Originals let any value stand as a name.
function readName(reader: MsgpackReader, fields: RecordFields, levels: number): Field {
  if (reader.isBytesNext()) return fields.name(reader);
  reader.skip(levels);
  return -1;
}
