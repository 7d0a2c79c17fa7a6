/**
 * Fetching wanted values by their hash (R17): several at once within a budget of memory, each gone on
 * with where it broke off, none that is held already.
 */
import { hash } from '#crypto';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { LIMITS } from '../wire/limits.ts';
import { eachAtOnce } from './each-at-once.ts';
import type { HttpResponse } from './http-client.ts';
import { reportProgress, type Session } from './session.ts';

const AT_ONCE = 4;
/** Memory for values under way; a single larger one is let through alone. */
const BUDGET_BYTES = 48 * 1024 * 1024;
/** How often in a row a value may break off without a byte of progress. */
const TRIES = 3;

/**
 * Fetches every value that is wanted.
 *
 * @returns how many the source does not have: it has moved on to a newer generation
 * @throws {DrayerError} PEER_MISBEHAVED for a value that does not have its hash
 */
export async function fetchValues(session: Session): Promise<number> {
  const wanted = session.store.wanted();
  session.state.valuesLeft = wanted.length;
  if (wanted.length === 0) return 0;
  if (session.source.isPlain) return await fetchFromList(session, wanted);

  const budget = new Budget(BUDGET_BYTES);
  let missing = 0;
  await eachAtOnce(wanted, AT_ONCE, async (hash) => {
    try {
      const value = await download(session, hash, budget);
      if (value === undefined) missing += 1;
      else keep(session, hash, value);
    } finally {
      budget.release(hash);
    }
  });
  return missing;
}

/** An original knows no hashes: the list is read again, for the values alone. */
async function fetchFromList(session: Session, wanted: readonly Uint8Array[]): Promise<number> {
  const open = new Map(wanted.map((hash) => [Buffer.from(hash).toString('hex'), hash]));
  for await (const batch of session.source.batches({ since: 0, inlineBytes: 0 })) {
    session.state.bytes += batch.bytes;
    for (const { hash: named, value } of batch.records) {
      const name = Buffer.from(named).toString('hex');
      if (value === undefined || !open.has(name)) continue;
      checkValue(session, named, value);
      keep(session, named, value);
      open.delete(name);
    }
    if (open.size === 0) return 0;
  }
  return open.size;
}

function keep(session: Session, hash: Uint8Array, value: Uint8Array): void {
  session.store.fill(hash, value);
  session.state.values += 1;
  session.state.valuesLeft -= 1;
  reportProgress(session, 'values', session.store.view.modifiedTip());
}

async function download(
  session: Session,
  hash: Uint8Array,
  budget: Budget,
): Promise<Uint8Array | undefined> {
  const part: Part = { bytes: new Uint8Array(0), length: 0 };
  for (let tries = 1; ; tries += 1) {
    const before = part.length;
    try {
      const answer = await session.source.value(hash, part.length);
      if (answer === undefined) return undefined;
      await budget.take(hash, Number(answer.header('content-length') ?? 0));
      await receive(session, part, answer);
      const value = part.bytes.subarray(0, part.length);
      checkValue(session, hash, value);
      return value;
    } catch (error) {
      const isBroken = error instanceof DrayerError && error.code === 'UNREACHABLE';
      if (part.length > before) tries = 0;
      if (!isBroken || tries >= TRIES) throw error;
    }
  }
}

type Part = { bytes: Uint8Array; length: number };

/** Appends an answer's body to what is there; an answer that begins at the beginning replaces it. */
async function receive(session: Session, part: Part, answer: HttpResponse): Promise<void> {
  if (answer.status !== 206) part.length = 0;
  const range = answer.header('content-range') ?? '';
  if (answer.status === 206 && !range.startsWith(`bytes ${part.length}-`)) {
    answer.discard();
    throw new DrayerError('PEER_MISBEHAVED', `${answer.url}: sent another range (${range})`);
  }
  const announced = part.length + Number(answer.header('content-length') ?? 0);
  if (announced <= LIMITS.recordBytes) reserve(part, announced);
  for await (const piece of answer.body(LIMITS.recordBytes - part.length)) {
    reserve(part, part.length + piece.length);
    part.bytes.set(piece, part.length);
    part.length += piece.length;
    session.state.bytes += piece.length;
  }
}

function reserve(part: Part, length: number): void {
  if (part.bytes.length >= length) return;
  const grown = new Uint8Array(Math.max(length, part.length * 2));
  grown.set(part.bytes.subarray(0, part.length));
  part.bytes = grown;
}

function checkValue({ source }: Session, expected: Uint8Array, value: Uint8Array): void {
  if (bytesEqual(hash(value), expected)) return;
  const name = Buffer.from(expected).toString('hex');
  throw new DrayerError('PEER_MISBEHAVED', `${source.url}: sent other bytes for value ${name}`, {
    hint: 'nothing of it was kept; ask another peer',
  });
}

/** Bytes of values under way. */
class Budget {
  readonly #limit: number;
  readonly #taken = new Map<Uint8Array, number>();
  readonly #queue: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Waits until `bytes` fit, or nothing else is under way. */
  async take(owner: Uint8Array, bytes: number): Promise<void> {
    this.#taken.delete(owner);
    while (this.#taken.size > 0 && this.#sum() + bytes > this.#limit) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    this.#taken.set(owner, bytes);
  }

  release(owner: Uint8Array): void {
    this.#taken.delete(owner);
    for (const wake of this.#queue.splice(0)) wake();
  }

  #sum(): number {
    return [...this.#taken.values()].reduce((sum, bytes) => sum + bytes, 0);
  }
}
