/** Whole streams as text, to compare two to the byte. */
import { createHash } from 'node:crypto';
import { openReader } from '../../src/store/open-reader.ts';

/** One line a record, ascending in `modified`: every column, the value as its SHA-256. */
export function streamRows(path: string): string[] {
  const reader = openReader(path);
  try {
    return reader.reading(() =>
      reader.recordsSince(0, Number.MAX_SAFE_INTEGER).map((record) => {
        const { id, type, key, timestamp, modified, prev, prevChange } = record;
        const value = reader.readValue(record);
        const fields = [id, type, key, timestamp, modified, prev, prevChange];
        return [...fields, hex(record.hash), hex(record.signature), value && digest(value)].join(
          ' ',
        );
      }),
    );
  } finally {
    reader.close();
  }
}

/** SHA-256 of a value, in hex. */
export function digest(value: Uint8Array): string {
  return createHash('sha256').update(value).digest('hex');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
