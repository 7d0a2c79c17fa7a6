/** Hand-made records on the wire, field by field, for what no encoder of ours would write. */
import { encode } from '@msgpack/msgpack';
import type { SignedRecord } from '../../src/core/record.ts';
import { TEST_KEYS } from './records.ts';

/** A field: its name, and its value as MessagePack. */
export type RawField = readonly [name: string, value: Uint8Array];

/** The eleven fields of a record, as an original orders them, in modern encoding. */
export function fieldsOf(record: SignedRecord): RawField[] {
  return [
    ['hash', encode(record.hash)],
    ['type', encode(record.type)],
    ['key', encode(record.key)],
    ['val', encode(record.value)],
    ['id', integer(record.id)],
    ['sig', encode(record.signature)],
    ['prev', integer(record.prev)],
    ['prevch', integer(record.prevChange)],
    ['ts', integer(record.timestamp)],
    ['mod', integer(record.modified)],
    ['chain', encode(TEST_KEYS.publicKey)],
  ];
}

/** A map of these fields; up to 65,535 of them. */
export function mapOf(fields: readonly RawField[]): Uint8Array {
  const header =
    fields.length < 16 ? [0x80 | fields.length] : [0xde, fields.length >> 8, fields.length & 255];
  const parts = fields.flatMap(([name, value]) => [encode(name), value]);
  return Uint8Array.from(Buffer.concat([Uint8Array.from(header), ...parts]));
}

/** A list of these values; up to 65,535 of them. */
export function listOf(values: readonly Uint8Array[]): Uint8Array {
  const header = Uint8Array.of(0xdc, values.length >> 8, values.length & 255);
  return Uint8Array.from(Buffer.concat([header, ...values]));
}

/** The fields with one value replaced. */
export function withField(
  fields: readonly RawField[],
  name: string,
  value: Uint8Array,
): RawField[] {
  return fields.map((field) => (field[0] === name ? [name, value] : field));
}

/** The fields without one. */
export function withoutField(fields: readonly RawField[], name: string): RawField[] {
  return fields.filter((field) => field[0] !== name);
}

/** Bytes from hex. */
export function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

// The reference encoder writes large numbers as floats unless they are bigints.
function integer(value: number): Uint8Array {
  return encode(Math.abs(value) < 2 ** 31 ? value : BigInt(value), { useBigInt64: true });
}
