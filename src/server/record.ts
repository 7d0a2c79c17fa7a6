/** Single records: `record/<type>/<key>`, with its proof on request, and `crdr/<old>`. */
import type { Context } from 'koa';
import { DrayerError } from '../core/errors.ts';
import type { SignedRecord } from '../core/record.ts';
import type { StreamReader } from '../store/reader.ts';
import { encodeProof } from '../wire/proof-codec.ts';
import { stateEtag } from './etag.ts';
import { encodeWithin } from './record-page.ts';
import { sendMade } from './reply.ts';
import { OCTETS } from './value.ts';

/** Answers `record/<type>/<key>`. */
export function sendRecord(
  ctx: Context,
  reader: StreamReader,
  { type, key, inline }: { type: string; key: string; inline?: number | undefined },
): void {
  reader.reading(() => {
    const record = reader.getRecord(type, key);
    sendMade(ctx, {
      type: OCTETS,
      etag: stateEtag(reader.view),
      make: () => encodeWithin(reader, record, { inline }),
    });
  });
}

/**
 * Answers `record/<type>/<key>?proof=1` (R23): 200 with the record, or 404 with the proof that there
 * is none.
 */
export function sendProof(
  ctx: Context,
  reader: StreamReader,
  { type, key, inline }: { type: string; key: string; inline?: number | undefined },
): void {
  reader.reading(() => {
    const { snapshotRecord, record, proof } = reader.prove(type, key);
    const shown = record && withValue(reader, record, inline);
    const body = { snapshot: snapshotRecord, record: shown, proof };
    sendMade(ctx, {
      type: OCTETS,
      etag: stateEtag(reader.view),
      status: record === undefined ? 404 : 200,
      make: () => encodeProof(body, reader.publicKey),
    });
  });
}

/** Answers `crdr/<old>`: the record with the greatest `prevChange` up to `old` (R13, R14). */
export function sendRepairRecord(
  ctx: Context,
  reader: StreamReader,
  { old, inline }: { readonly old: number; readonly inline?: number | undefined },
): void {
  reader.reading(() => {
    const record = reader.findRepairRecord(old);
    if (record === undefined) {
      throw new DrayerError('RECORD_NOT_FOUND', `no record points at ${old} or before`);
    }
    sendMade(ctx, {
      type: OCTETS,
      etag: stateEtag(reader.view),
      make: () => encodeWithin(reader, record, { inline }),
    });
  });
}

function withValue(
  reader: StreamReader,
  record: SignedRecord,
  inline: number | undefined,
): SignedRecord {
  const size = reader.valueSize(record);
  if (inline === undefined || size === undefined || size > inline) return record;
  return { ...record, value: reader.readValue(record) };
}
