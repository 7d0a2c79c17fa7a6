/** CRC-32 as gzip uses it (RFC 1952 §8). */
import * as zlib from 'node:zlib';

/**
 * Computes the CRC-32 of `data`.
 *
 * Uses the one built into Node (20.15, 22.2 and later); Node 21 and early 22 have none, and there a
 * table does it at a tenth of the speed.
 */
export const crc32: (data: Uint8Array) => number = zlib.crc32 ?? crc32ByTable;

let table: Uint32Array | undefined;

/** The same in plain JavaScript, for a Node without its own. */
export function crc32ByTable(data: Uint8Array): number {
  table ??= makeTable();
  let crc = 0xffffffff;
  // The index is always below 256: `?? 0` is for the type checker.
  for (const byte of data) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, index) => {
    let crc = index;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    return crc;
  });
}
