/**
 * A look over a msgpack object before it is decoded. Objects come from strangers, and decoders believe
 * the lengths they announce: 25 KB of nested arrays can make one take gigabytes. What passes here takes
 * memory in proportion to its bytes.
 */
import { DrayerError } from '../core/errors.ts';

/** Deepest nesting of an object, its own level included. */
export const MAX_OBJECT_DEPTH = 100;

/**
 * Checks that `bytes` are exactly one msgpack object, complete, nested at most {@link MAX_OBJECT_DEPTH}
 * deep and without extension types.
 *
 * @throws {DrayerError} MALFORMED otherwise
 */
export function checkMsgpack(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** Items still to come in each open container; a list instead of recursion. */
  const open: number[] = [1];
  let at = 0;
  while (open.length > 0) {
    const left = open.pop() ?? 0;
    if (left === 0) continue;
    open.push(left - 1);
    if (at >= bytes.length) throw malformed('expected more bytes');
    const item = readItem(view, at);
    at = item.end;
    if (at > bytes.length) throw malformed('expected more bytes');
    if (item.children > 0) open.push(item.children);
    if (open.length > MAX_OBJECT_DEPTH + 1) {
      throw malformed(`expected at most ${MAX_OBJECT_DEPTH} levels`);
    }
  }
  if (at !== bytes.length) throw malformed(`expected ${at} bytes, got ${bytes.length}`);
}

type Item = {
  /** Where it ends; of a container, where its first child begins. */
  readonly end: number;
  readonly children: number;
};

function readItem(view: DataView, at: number): Item {
  const tag = view.getUint8(at);
  if (tag < 0x80 || tag >= 0xe0) return { end: at + 1, children: 0 };
  if (tag < 0x90) return { end: at + 1, children: (tag & 15) * 2 };
  if (tag < 0xa0) return { end: at + 1, children: tag & 15 };
  if (tag < 0xc0) return { end: at + 1 + (tag & 31), children: 0 };
  const form = FORMS.get(tag);
  if (form === undefined) throw malformed(`expected no msgpack tag 0x${tag.toString(16)}`);
  if (form.kind === 'fixed') return { end: at + 1 + form.bytes, children: 0 };

  const start = at + 1 + form.bytes;
  // Beyond the end: the caller says so.
  if (start > view.byteLength) return { end: start, children: 0 };
  const length = readLength(view, at + 1, form.bytes);
  if (form.kind === 'bytes') return { end: start + length, children: 0 };
  return { end: start, children: form.kind === 'map' ? length * 2 : length };
}

type Form = {
  readonly kind: 'fixed' | 'bytes' | 'list' | 'map';
  /** Of a fixed item its size after the tag, otherwise of its length. */
  readonly bytes: number;
};

/** nil, booleans, bin, floats, integers, str, array, map; not the unused c1 and the extension types. */
const FORMS: ReadonlyMap<number, Form> = new Map([
  ...forms('fixed', [0xc0, 0], [0xc2, 0], [0xc3, 0], [0xca, 4], [0xcb, 8]),
  ...forms('fixed', [0xcc, 1], [0xcd, 2], [0xce, 4], [0xcf, 8]),
  ...forms('fixed', [0xd0, 1], [0xd1, 2], [0xd2, 4], [0xd3, 8]),
  ...forms('bytes', [0xc4, 1], [0xc5, 2], [0xc6, 4], [0xd9, 1], [0xda, 2], [0xdb, 4]),
  ...forms('list', [0xdc, 2], [0xdd, 4]),
  ...forms('map', [0xde, 2], [0xdf, 4]),
]);

function forms(kind: Form['kind'], ...rows: [tag: number, bytes: number][]): [number, Form][] {
  return rows.map(([tag, bytes]) => [tag, { kind, bytes }]);
}

function readLength(view: DataView, at: number, bytes: number): number {
  if (bytes === 1) return view.getUint8(at);
  return bytes === 2 ? view.getUint16(at) : view.getUint32(at);
}

function malformed(message: string): DrayerError {
  return new DrayerError('MALFORMED', `msgpack object: ${message}`);
}
