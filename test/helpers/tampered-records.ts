/** A proxy's list of records with some of them changed: what a liar without the key can do. */
import type { SignedRecord } from '../../src/core/record.ts';
import { encodeRecords } from '../../src/wire/record-codec.ts';
import { RecordReader } from '../../src/wire/record-reader.ts';
import type { Tamper } from './proxy-peer.ts';

/** Changes the records of every page; one that comes back as it is stays. */
export function changeRecords(
  publicKey: Uint8Array,
  change: (record: SignedRecord) => SignedRecord,
): Tamper {
  return (path, answer) => {
    if (!path.includes('newRecords') || answer.status !== 200) return undefined;
    const reader = new RecordReader();
    const records = reader.push(new Uint8Array(answer.body));
    reader.end();
    answer.body = Buffer.from(encodeRecords(records.map(change), publicKey));
    return undefined;
  };
}

/** The same record under a signature that is none. */
export function wronglySigned(record: SignedRecord): SignedRecord {
  const signature = new Uint8Array(record.signature);
  signature[0] = (signature[0] ?? 0) ^ 1;
  return { ...record, signature };
}
