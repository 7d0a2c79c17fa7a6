/** The header of a file value: the msgpack map `{enc: "gzip", time}` (R24). */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { MsgpackReader } from '../core/msgpack-reader.ts';
import { MsgpackWriter } from '../core/msgpack-writer.ts';
import { MAX_INTEGER, type Micros } from '../core/record.ts';
import { decodeUtf8 } from '../core/utf8.ts';

/** Makes the header for a file of this modification time; a fraction is cut off, before 1970 becomes 0. */
export function encodeFileHeader(timeMicros: number): Uint8Array {
  const time = Math.min(MAX_INTEGER, Math.max(0, Math.trunc(timeMicros)));
  return new MsgpackWriter(24).map(2).str('enc').str('gzip').str('time').int(time).finish();
}

/**
 * Checks a header and returns its `time`, rounded. Other fields are ignored.
 *
 * @throws {DrayerError} FILE_RECORD_INVALID when it is not one map with `enc` "gzip" and a `time` of
 *   0 to 2^53−1, as an integer or, as the original writes it, a float64
 */
export function decodeFileHeader(header: Uint8Array): Micros {
  try {
    const fields = readFields(header);
    checkEncoding(fields.get('enc'));
    return timeOf(fields.get('time'));
  } catch (cause) {
    if (!isDrayerError(cause, 'MALFORMED')) throw cause;
    throw invalid(cause.message, cause);
  }
}

// The still encoded value of every field: only two of them are looked at.
function readFields(header: Uint8Array): Map<string, Uint8Array> {
  const reader = new MsgpackReader(header);
  const fields = new Map<string, Uint8Array>();
  for (let pending = reader.map(); pending > 0; pending -= 1) {
    const name = reader.text();
    if (fields.has(name)) throw invalid(`expected ${JSON.stringify(name)} once`);
    const start = reader.offset;
    reader.skip(MAX_NESTING);
    fields.set(name, header.subarray(start, reader.offset));
  }
  reader.end();
  return fields;
}

const MAX_NESTING = 2;
const FLOAT64 = 0xcb;

function checkEncoding(field: Uint8Array | undefined): void {
  if (field === undefined) throw invalid('expected enc');
  const text = decodeUtf8(new MsgpackReader(field).bytes());
  // It would be copied into a response header, so nothing but this very word passes.
  if (text !== 'gzip') throw invalid(`expected enc to be "gzip", got ${JSON.stringify(text)}`);
}

function timeOf(field: Uint8Array | undefined): Micros {
  if (field === undefined) throw invalid('expected time');
  const view = new DataView(field.buffer, field.byteOffset, field.byteLength);
  const isFloat = view.getUint8(0) === FLOAT64;
  const time = isFloat ? Math.round(view.getFloat64(1)) : new MsgpackReader(field).int();
  if (Number.isSafeInteger(time) && time >= 0) return time;
  throw invalid(`expected time to be micros from 0 to 2^53-1, got ${time}`);
}

function invalid(message: string, cause?: unknown): DrayerError {
  return new DrayerError('FILE_RECORD_INVALID', `file header: ${message}`, { cause });
}
