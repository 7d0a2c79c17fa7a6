/** A TrueType font of one glyph, an upright bar two em wide for the letter `A`: whether it is used shows in a width. */

type Field = readonly [bytes: 1 | 2 | 4 | 8, value: number];

const UNITS = 1000;
const WIDE = 2 * UNITS;

/** Makes the font. */
export function makeFont(): Uint8Array {
  const glyph = Buffer.concat([
    pack([2, 1], [2, 0], [2, 0], [2, WIDE], [2, UNITS], [2, 3], [2, 0]),
    // All four points are on the curve; then x and y, each as the step from the point before.
    pack([1, 1], [1, 1], [1, 1], [1, 1]),
    pack([2, 0], [2, 0], [2, WIDE], [2, 0], [2, 0], [2, UNITS], [2, 0], [2, -UNITS]),
  ]);
  const tables = new Map([
    ['OS/2', os2()],
    ['cmap', cmap()],
    ['glyf', glyph],
    ['head', head()],
    ['hhea', pack([4, 0x10000], [2, UNITS], [2, 0], [2, 0], [2, WIDE], ...zeros(11), [2, 2])],
    ['hmtx', pack([2, WIDE], [2, 0], [2, WIDE], [2, 0])],
    ['loca', pack([4, 0], [4, 0], [4, glyph.length])],
    ['maxp', pack([4, 0x10000], [2, 2], [2, 4], [2, 1], ...zeros(2), [2, 2], ...zeros(8))],
    ['name', names()],
    ['post', pack([4, 0x30000], [4, 0], [2, 0], [2, 0], [4, 0], [4, 0], [4, 0], [4, 0], [4, 0])],
  ]);
  return assemble(tables);
}

function assemble(tables: ReadonlyMap<string, Buffer>): Buffer {
  const count = tables.size;
  const power = 2 ** Math.floor(Math.log2(count));
  const range: Field[] = [
    [2, power * 16],
    [2, Math.log2(power)],
    [2, (count - power) * 16],
  ];
  const heads: Buffer[] = [pack([4, 0x10000], [2, count], ...range)];
  const bodies: Buffer[] = [];
  let at = 12 + 16 * count;
  for (const [name, table] of tables) {
    const padded = Buffer.concat([table, Buffer.alloc(-table.length & 3)]);
    heads.push(Buffer.from(name), pack([4, checksum(padded)], [4, at], [4, table.length]));
    bodies.push(padded);
    at += padded.length;
  }
  return Buffer.concat([...heads, ...bodies]);
}

function head(): Buffer {
  const version: Field[] = [
    [4, 0x10000],
    [4, 0x10000],
    [4, 0],
    [4, 0x5f0f3cf5],
    [2, 3],
    [2, UNITS],
  ];
  const box: Field[] = [
    [8, 0],
    [8, 0],
    [2, 0],
    [2, 0],
    [2, WIDE],
    [2, UNITS],
  ];
  return pack(...version, ...box, [2, 0], [2, 8], [2, 2], [2, 1], [2, 0]);
}

function os2(): Buffer {
  const first: Field[] = [[2, 4], [2, WIDE], [2, 400], [2, 5], ...zeros(26), [4, 0x44524159]];
  const rest: Field[] = [
    [2, 0x40],
    [2, 65],
    [2, 65],
    [2, UNITS],
    [2, 0],
    [2, 0],
    [2, UNITS],
    [2, 0],
  ];
  return pack(...first, ...rest, [4, 1], [4, 0], ...zeros(2), [2, 0], [2, 32], [2, 1]);
}

/** Format 4: `A` is glyph 1, and the end of the table. */
function cmap(): Buffer {
  const segments: Field[] = [
    [2, 65],
    [2, 0xffff],
    [2, 0],
    [2, 65],
    [2, 0xffff],
    [2, -64],
    [2, 1],
    [2, 0],
    [2, 0],
  ];
  const format: Field[] = [
    [2, 4],
    [2, 32],
    [2, 0],
    [2, 4],
    [2, 4],
    [2, 1],
    [2, 0],
  ];
  return pack([2, 0], [2, 1], [2, 3], [2, 1], [4, 12], ...format, ...segments);
}

function names(): Buffer {
  const texts = ['Bar', 'Regular', 'Bar', 'Bar', '1', 'Bar'].map((text) =>
    Buffer.from(text, 'utf16le').swap16(),
  );
  let at = 0;
  const rows = texts.map((text, id) => {
    const row = pack([2, 3], [2, 1], [2, 0x409], [2, id + 1], [2, text.length], [2, at]);
    at += text.length;
    return row;
  });
  return Buffer.concat([
    pack([2, 0], [2, rows.length], [2, 6 + 12 * rows.length]),
    ...rows,
    ...texts,
  ]);
}

function zeros(count: number): Field[] {
  return Array.from({ length: count }, () => [2, 0]);
}

function pack(...fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map(([bytes, value]) => {
      const buffer = Buffer.alloc(bytes);
      if (bytes === 8) buffer.writeBigInt64BE(BigInt(value));
      else buffer.writeUIntBE(value < 0 ? value + 2 ** (8 * bytes) : value, 0, bytes);
      return buffer;
    }),
  );
}

function checksum(padded: Buffer): number {
  let sum = 0;
  for (let at = 0; at < padded.length; at += 4) sum = (sum + padded.readUInt32BE(at)) >>> 0;
  return sum;
}
