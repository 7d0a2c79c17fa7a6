/** Records of a body as @msgpack/msgpack reads it: what our own reader must agree with. */
import { decode } from '@msgpack/msgpack';
import { blake2b } from '@noble/hashes/blake2.js';
import type { WireRecord } from '../../src/wire/record-fields.ts';

/** Reads a list of records, str, raw and bin alike as bytes. Only for bodies that are well formed. */
export function oracleList(body: Uint8Array): WireRecord[] {
  return (decodeRaw(body) as Map[]).map(toRecord);
}

/** Reads one record. */
export function oracleOne(body: Uint8Array): WireRecord {
  return toRecord(decodeRaw(body) as Map);
}

/** A record with plain arrays for bytes, so that neither Buffer nor Uint8Array makes a difference. */
export function plain(record: WireRecord): unknown {
  return Object.fromEntries(
    Object.entries(record)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, value instanceof Uint8Array ? [...value] : value]),
  );
}

type Map = Record<string, unknown>;

function decodeRaw(body: Uint8Array): unknown {
  return decode(body, {
    rawStrings: true,
    mapKeyConverter: (key) =>
      key instanceof Uint8Array ? Buffer.from(key).toString() : String(key),
  });
}

function toRecord(map: Map): WireRecord {
  const value = map['val'] as Uint8Array | undefined;
  const given = map['hash'] as Uint8Array | null | undefined;
  return {
    id: map['id'] as number,
    type: text(map['type']),
    key: text(map['key']),
    hash: given?.length === 32 ? given : blake2b(value as Uint8Array, { dkLen: 32 }),
    timestamp: map['ts'] as number,
    modified: map['mod'] as number,
    prev: map['prev'] as number,
    prevChange: map['prevch'] as number,
    signature: map['sig'] as Uint8Array,
    value,
    chain: (map['chain'] ?? new Uint8Array(0)) as Uint8Array,
    head: map['head'] as Uint8Array | undefined,
  };
}

function text(bytes: unknown): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes as Uint8Array);
}
