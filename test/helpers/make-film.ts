/**
 * A film of pictures: WebM with VP8 key frames, which is what a lossy WebP holds, one a second, and an index
 * to seek by. Large enough that a browser does not read it whole to show its beginning.
 */

/** How the film is made. */
export type FilmOptions = {
  /** Lossy WebP files; they come one after the other, again and again. */
  readonly pictures: readonly Uint8Array[];
  readonly seconds: number;
  readonly width: number;
  readonly height: number;
};

/** Makes the film. */
export function makeFilm({ pictures, seconds, width, height }: FilmOptions): Buffer {
  const frames = pictures.map(frameOf);
  const info = element(0x1549a966, [
    number(0x2ad7b1, 1_000_000),
    element(0x4489, [float(seconds * 1000)]),
    text(0x4d80, 'drayer'),
    text(0x5741, 'drayer'),
  ]);
  const video = element(0xe0, [number(0xb0, width), number(0xba, height)]);
  const track = [number(0xd7, 1), number(0x73c5, 1), number(0x83, 1), text(0x86, 'V_VP8'), video];
  const tracks = element(0x1654ae6b, [element(0xae, track)]);
  const clusters = Array.from({ length: seconds }, (_, second) => {
    // Track 1, no offset, a key frame.
    const block = Buffer.concat([
      Buffer.from([0x81, 0, 0, 0x80]),
      frames[second % frames.length] ?? Buffer.alloc(0),
    ]);
    return element(0x1f43b675, [number(0xe7, second * 1000), element(0xa3, [block])]);
  });
  // Its own length does not depend on what it says: all numbers in it have eight bytes.
  const cuesLength = cues(clusters.map(() => 0)).length;
  let at = info.length + tracks.length + cuesLength;
  const places = clusters.map((cluster) => {
    const place = at;
    at += cluster.length;
    return place;
  });
  const segment = element(0x18538067, [info, tracks, cues(places), ...clusters]);
  const version = [number(0x4286, 1), number(0x42f7, 1), number(0x42f2, 4), number(0x42f3, 8)];
  const head = element(0x1a45dfa3, [
    ...version,
    text(0x4282, 'webm'),
    number(0x4287, 4),
    number(0x4285, 2),
  ]);
  return Buffer.concat([head, segment]);
}

function cues(places: readonly number[]): Buffer {
  const points = places.map((place, second) => {
    const position = element(0xb7, [number(0xf7, 1), number(0xf1, place)]);
    return element(0xbb, [number(0xb3, second * 1000), position]);
  });
  return element(0x1c53bb6b, points);
}

/** The VP8 frame of a lossy WebP. */
function frameOf(webp: Uint8Array): Buffer {
  const file = Buffer.from(webp);
  const at = file.indexOf('VP8 ', 12, 'latin1');
  if (at === -1) throw new Error('expected a lossy WebP');
  return file.subarray(at + 8, at + 8 + file.readUInt32LE(at + 4));
}

function element(id: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(body.length) | (1n << 56n));
  const hex = id.toString(16);
  return Buffer.concat([
    Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex'),
    size,
    body,
  ]);
}

function number(id: number, value: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeBigUInt64BE(BigInt(value));
  return element(id, [body]);
}

function float(value: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeDoubleBE(value);
  return body;
}

function text(id: number, value: string): Buffer {
  return element(id, [Buffer.from(value)]);
}
