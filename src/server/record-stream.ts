/**
 * `newRecords/<t>` as the original has it: every record in one reply, values in. The records come
 * from a read transaction on a connection of their own, a page of metadata and one value at a time,
 * no faster than the client reads: a stream of any size needs the same memory.
 */
import { Readable } from 'node:stream';
import type { Context } from 'koa';
import { DrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import { openReaderOf } from '../store/open-reader.ts';
import type { StreamReader } from '../store/reader.ts';
import { requireCheckedToo } from '../store/unchecked.ts';
import { heldModeOf } from '../store/value-choice.ts';
import { encodeArrayHeader, encodeRecord } from '../wire/record-codec.ts';
import { limitTurns } from './event-turns.ts';
import { sendStream } from './reply.ts';
import { OCTETS } from './value.ts';

/** Records whose metadata is read at once. */
const PAGE_RECORDS = 128;
/** Small records are sent together, in pieces of about this size. */
const PIECE_BYTES = 65_536;
/** Of a file that cannot be read in place each reply has a copy, at worst of 256 MiB in memory: so many at once. */
const MOST_COPIES = 2;
let copies = 0;
/** One piece is made in a turn, of all replies together: half a ms, or what a large value takes. */
const inTurn = limitTurns(1);

/**
 * Answers with every record modified after `since`.
 *
 * @param idleMs - a client that takes nothing for so long is cut: while its read transaction is open,
 *   erased bytes stay in the file
 * @throws {DrayerError} VALUE_NOT_HELD in a mirror that lacks a value: originals cannot take that (R18)
 * @throws {DrayerError} STREAM_BUSY where it is read from copies, and there are enough of them
 * @throws {DrayerError} SIGNATURES_UNCHECKED where a file has taken the place of this one that is not checked
 */
export async function sendRecordStream(
  ctx: Context,
  reader: StreamReader,
  { since, idleMs }: { readonly since: Micros; readonly idleMs: number },
): Promise<void> {
  // Before the first byte: in the middle it could only break off. Whole streams need no look.
  if (heldModeOf(reader) !== undefined && reader.lacksSince(since)) throw notAllHeld();
  ctx.set('Content-Type', OCTETS);
  ctx.status = 200;
  if (ctx.method === 'HEAD') return;

  const { own, release } = openOwn(reader);
  try {
    requireCheckedToo(own, reader);
    const pieces = piecesOf(own, since);
    // The first piece is made before the status is sent, so that an error can still be told.
    const first = pieces.next();
    const body = Readable.from(inTurns(first, pieces), { objectMode: false });
    body.once('close', release);
    ctx.req.socket.setTimeout(idleMs);
    sendStream(ctx, body);
  } catch (error) {
    release();
    throw error;
  }
}

/** Opens a connection for one reply, on the state of this moment; `release` may be called twice. */
function openOwn(reader: StreamReader): { own: StreamReader; release: () => void } {
  const { isCopy } = reader;
  if (isCopy && copies >= MOST_COPIES) throw tooManyCopies();
  const own = openReaderOf(reader.path, reader.publicKey);
  const unpin = own.pin();
  if (isCopy) copies += 1;
  let isHeld = true;
  const release = (): void => {
    if (!isHeld) return;
    isHeld = false;
    if (isCopy) copies -= 1;
    unpin();
    own.close();
  };
  return { own, release };
}

// Not as fast as they are taken: a socket takes what it is given in the same turn of the event loop, and
// who reads fast would be given the whole stream before anybody else is looked at.
async function* inTurns(
  first: IteratorResult<Uint8Array, void>,
  pieces: Generator<Uint8Array, void>,
): AsyncGenerator<Uint8Array, void> {
  let next = first;
  while (next.done !== true) {
    yield next.value;
    next = await new Promise<typeof first>((resolve, reject) => {
      inTurn(() => {
        try {
          resolve(pieces.next());
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}

function* piecesOf(reader: StreamReader, since: Micros): Generator<Uint8Array, void> {
  let small: Uint8Array[] = [encodeArrayHeader(reader.countSince(since))];
  let bytes = 0;
  for (const record of recordsSince(reader, since)) {
    const part = encodeRecord(record, reader.publicKey);
    const isLarge = part.length >= PIECE_BYTES;
    if (!isLarge) small.push(part);
    bytes += part.length;
    if (bytes < PIECE_BYTES) continue;
    if (small.length > 0) yield Buffer.concat(small);
    // A large one goes as it is: a copy of it is what memory would be spent on.
    if (isLarge) yield part;
    small = [];
    bytes = 0;
  }
  if (small.length > 0) yield Buffer.concat(small);
}

function tooManyCopies(): DrayerError {
  const message = 'this stream is read from copies, and enough of them are being sent';
  return new DrayerError('STREAM_BUSY', message, {
    hint: 'ask again in a moment, or for pages: newRecords/<t>?limit=N',
  });
}

function notAllHeld(): DrayerError {
  return new DrayerError('VALUE_NOT_HELD', 'this mirror does not hold every value', {
    hint: 'ask for pages: newRecords/<t>?limit=N',
  });
}

function* recordsSince(reader: StreamReader, since: Micros) {
  let after = since;
  while (true) {
    const page = reader.recordsSince(after, PAGE_RECORDS);
    for (const record of page) {
      const value = reader.readValue(record);
      if (value === undefined) throw notAllHeld();
      yield { ...record, value };
      after = record.modified;
    }
    if (page.length < PAGE_RECORDS) return;
  }
}
