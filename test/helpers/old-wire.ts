/** Reads bodies the original sent, with a decoder that is not ours. */
import { readFileSync } from 'node:fs';
import { decode } from '@msgpack/msgpack';
import { hash } from '#crypto';
import { DrayerError } from '../../src/core/errors.ts';
import type { SignedRecord } from '../../src/core/record.ts';

const VECTORS = new URL('../vectors/', import.meta.url);

/** Bytes of a file under test/vectors. */
export function vectorBytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(path, VECTORS)));
}

/** A JSON file under test/vectors; the caller names what is in it. */
export function vectorJson<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(path, VECTORS), 'utf8')) as T;
}

/** The records of a newRecords body. Throws MALFORMED where it is none. */
export function decodeList(body: Uint8Array): SignedRecord[] {
  const list = decodeOld(body);
  if (!Array.isArray(list)) throw new DrayerError('MALFORMED', 'expected a list');
  return list.map(toRecord);
}

/** The record of a crdr body. Throws MALFORMED where it is none. */
export function decodeOne(body: Uint8Array): SignedRecord {
  return toRecord(decodeOld(body));
}

function decodeOld(body: Uint8Array): unknown {
  try {
    // The old format has one type for text and bytes: both come as bytes.
    return decode(body, {
      rawStrings: true,
      mapKeyConverter: (key) => (typeof key === 'number' ? key : text(key)),
    });
  } catch (cause) {
    throw new DrayerError('MALFORMED', 'expected msgpack', { cause });
  }
}

function toRecord(map: unknown): SignedRecord {
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw new DrayerError('MALFORMED', 'expected a map');
  }
  const field = (name: string): unknown => (map as Record<string, unknown>)[name];
  const value = field('val');
  const given = field('hash');
  if (!(value instanceof Uint8Array || given instanceof Uint8Array)) {
    throw new DrayerError('MALFORMED', 'expected val or hash');
  }
  return {
    id: integer(field('id')),
    type: text(field('type')),
    key: text(field('key')),
    hash: given instanceof Uint8Array ? given : hash(bytes(value)),
    timestamp: integer(field('ts')),
    modified: integer(field('mod')),
    prev: integer(field('prev')),
    prevChange: integer(field('prevch')),
    signature: bytes(field('sig')),
    value: value === undefined ? undefined : bytes(value),
  };
}

function integer(field: unknown): number {
  if (typeof field === 'number') return field;
  throw new DrayerError('MALFORMED', `expected a number, got ${String(field)}`);
}

function bytes(field: unknown): Uint8Array {
  if (field instanceof Uint8Array) return new Uint8Array(field);
  throw new DrayerError('MALFORMED', `expected bytes, got ${String(field)}`);
}

function text(field: unknown): string {
  if (typeof field === 'string') return field;
  return Buffer.from(bytes(field)).toString('utf8');
}
