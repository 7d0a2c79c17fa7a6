/** Reading one part of a wanted value from one source, as far as it is still that source's to bring. */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { LIMITS } from '../wire/limits.ts';
import type { Room } from './download-value.ts';
import { collectBody, tooLarge } from './http-body.ts';
import type { HttpResponse } from './http-client.ts';
import type { Part } from './part.ts';
import { unreachable } from './peer-errors.ts';
import type { WantedValue } from './value-parts.ts';

/** What {@link readPart} is told. */
export type ReadPartOptions = {
  /** Largest value that is taken, bytes. */
  readonly maxBytes: number;
  readonly newRoom: () => Room;
  /** Told the size before any of the body is read; false lets it be, for want of memory. */
  readonly onHead: (bytes: number) => boolean;
  readonly onBytes: (bytes: number) => void;
};

/**
 * How it ended: `read` as far as it was wanted; `lacked`: the source does not have it; `large`: it has
 * more bytes than are taken; `contradicted`: it says another size than another source; `no-room`.
 */
export type PartEnd = 'read' | 'lacked' | 'large' | 'contradicted' | 'no-room';

/**
 * Asks for a part and puts what comes in its place.
 *
 * @throws {DrayerError} UNREACHABLE when it breaks off, PEER_MISBEHAVED for an answer that is none
 */
export async function readPart(
  wanted: WantedValue,
  part: Part,
  options: ReadPartOptions,
): Promise<PartEnd> {
  const { source, start, end } = part;
  const answer = await source.value(wanted.hash, start, Number.isFinite(end) ? end : undefined);
  if (answer === undefined) return 'lacked';
  if (!part.isOpen) return leave(answer, 'read');
  // Asked for bytes behind its end: somebody has said a size that is not the value's.
  if (answer.status === 416) return leave(answer, 'contradicted');
  const size = sizeOf(answer, start);
  if (size !== undefined) {
    if (size > options.maxBytes) {
      wanted.likelyBytes = size;
      wanted.problem = tooLarge(answer.url, `${size} bytes announced`, options.maxBytes);
      return leave(answer, 'large');
    }
    if (wanted.size === undefined && !options.onHead(size)) return leave(answer, 'no-room');
    if (!wanted.claim(source, size)) return leave(answer, 'contradicted');
  }
  part.abandon = () => answer.abandon();
  try {
    await readBody(wanted, part, answer, options);
  } catch (error) {
    if (!part.isOpen) return 'read';
    // The size of the whole, or what is left of it, was checked above: only an endless body gets here.
    if (!isDrayerError(error, 'TOO_LARGE')) throw error;
    wanted.problem = error;
    return 'large';
  }
  return 'read';
}

/**
 * Tells a mirror that holds only some values from a server that is busy.
 *
 * @throws {DrayerError} VALUE_NOT_HELD when the answer says so
 */
export async function refuseNotHeld(answer: HttpResponse): Promise<void> {
  if (answer.header('content-type') !== 'application/problem+json') return;
  const body = await collectBody(answer.body(LIMITS.metadataBytes));
  if (!/"code":\s*"VALUE_NOT_HELD"/.test(Buffer.from(body).toString('latin1'))) return;
  throw new DrayerError('VALUE_NOT_HELD', `${answer.url}: the peer does not hold this value`, {
    hint: 'it holds only a part of the stream; ask another peer as well',
  });
}

async function readBody(
  wanted: WantedValue,
  part: Part,
  answer: HttpResponse,
  { maxBytes, newRoom, onBytes }: ReadPartOptions,
): Promise<void> {
  // A server that knows no ranges begins at the first byte.
  let skip = answer.status === 206 ? 0 : part.start;
  const bodyEnd = part.end;
  for await (const piece of answer.body(Math.min(maxBytes, LIMITS.recordBytes))) {
    onBytes(piece.length);
    const skipped = Math.min(skip, piece.length);
    skip -= skipped;
    wanted.write(part, piece.subarray(skipped), newRoom);
    // Another source is at the rest by now.
    if (!part.isOpen || (part.at >= part.end && part.end < bodyEnd)) return;
  }
  if (!Number.isFinite(part.end)) part.end = part.at;
  if (part.at >= part.end) return;
  throw unreachable(answer.url, new Error(`ended ${part.end - part.at} bytes early`));
}

/** The size of the whole value, as far as the answer says it. */
function sizeOf(answer: HttpResponse, start: number): number | undefined {
  if (answer.status !== 206) return integer(answer.header('content-length'));
  const range = answer.header('content-range') ?? '';
  if (!range.startsWith(`bytes ${start}-`)) {
    answer.abandon();
    throw new DrayerError('PEER_MISBEHAVED', `${answer.url}: sent another range (${range})`);
  }
  return integer(range.split('/')[1]);
}

function integer(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function leave(answer: HttpResponse, end: PartEnd): PartEnd {
  answer.abandon();
  return end;
}
