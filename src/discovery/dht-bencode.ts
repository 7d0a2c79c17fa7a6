/**
 * Reading bencode of strangers, strictly. The decoders of the DHT library take a length below zero and
 * then go backwards for ever: five bytes are enough. So only this reads what comes from outside; the
 * library is given what we have written ourselves.
 */

/** A value of bencode. Keys of dictionaries are read as Latin-1. */
export type Bencoded = number | Uint8Array | readonly Bencoded[] | ReadonlyMap<string, Bencoded>;

const DEEPEST = 6;
const MOST_VALUES = 2_048;
const COLON = 0x3a;
const END = 0x65;

/**
 * Reads exactly one value.
 *
 * @returns undefined unless it is bencode in its one canonical spelling: keys in order and once, no
 *   leading zeros, integers a number can hold, nothing behind it, at most 6 values deep
 */
export function readBencode(bytes: Uint8Array): Bencoded | undefined {
  const reader: Reader = { bytes, at: 0, left: MOST_VALUES };
  const value = readValue(reader, DEEPEST);
  return reader.at === bytes.length ? value : undefined;
}

type Reader = { readonly bytes: Uint8Array; at: number; left: number };

function readValue(reader: Reader, depth: number): Bencoded | undefined {
  reader.left -= 1;
  if (reader.left < 0) return undefined;
  switch (reader.bytes[reader.at]) {
    case 0x64:
      return depth > 0 ? readDictionary(reader, depth - 1) : undefined;
    case 0x6c:
      return depth > 0 ? readList(reader, depth - 1) : undefined;
    case 0x69:
      reader.at += 1;
      return readNumber(reader, END);
    default:
      return readBytes(reader);
  }
}

function readDictionary(reader: Reader, depth: number): Bencoded | undefined {
  const fields = new Map<string, Bencoded>();
  let last: string | undefined;
  reader.at += 1;
  while (reader.bytes[reader.at] !== END) {
    const name = readBytes(reader);
    if (name === undefined) return undefined;
    const key = Buffer.from(name).toString('latin1');
    if (last !== undefined && key <= last) return undefined;
    const value = readValue(reader, depth);
    if (value === undefined) return undefined;
    fields.set(key, value);
    last = key;
  }
  reader.at += 1;
  return fields;
}

function readList(reader: Reader, depth: number): Bencoded | undefined {
  const values: Bencoded[] = [];
  reader.at += 1;
  while (reader.bytes[reader.at] !== END) {
    const value = readValue(reader, depth);
    if (value === undefined) return undefined;
    values.push(value);
  }
  reader.at += 1;
  return values;
}

function readBytes(reader: Reader): Uint8Array | undefined {
  const length = readNumber(reader, COLON);
  if (length === undefined || length < 0 || Object.is(length, -0)) return undefined;
  const end = reader.at + length;
  if (end > reader.bytes.length) return undefined;
  const bytes = reader.bytes.subarray(reader.at, end);
  reader.at = end;
  return bytes;
}

/** Up to `stop`, which is passed. */
function readNumber(reader: Reader, stop: number): number | undefined {
  const end = reader.bytes.indexOf(stop, reader.at);
  // No number that is one has more digits.
  if (end === -1 || end - reader.at > 17) return undefined;
  const text = Buffer.from(reader.bytes.subarray(reader.at, end)).toString('latin1');
  reader.at = end + 1;
  if (!/^(0|-?[1-9]\d*)$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}
