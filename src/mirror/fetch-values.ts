/**
 * Fetching what is wanted (R17): several values at once within a budget of memory, none that is held
 * already.
 */
import { LIMITS } from '../wire/limits.ts';
import { checkValue, downloadValue, type Room } from './download-value.ts';
import { eachAtOnce } from './each-at-once.ts';
import { reportProgress, type Session } from './session.ts';

const AT_ONCE = 4;
/** Memory for values under way; a single larger one is let through alone. */
const BUDGET_BYTES = 32 * 1024 * 1024;
/** Larger memory is given back after its value. */
const KEPT_ROOM_BYTES = 8 * 1024 * 1024;

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
  // Used again and again: what is thrown away is only collected when there is much of it.
  const rooms: Room[] = [];
  let missing = 0;
  await eachAtOnce(wanted, AT_ONCE, async (hash) => {
    const room = rooms.pop() ?? { bytes: new Uint8Array(0), length: 0 };
    try {
      const value = await downloadValue(session.source, hash, {
        room,
        onHead: (bytes) => budget.take(hash, Math.min(bytes, LIMITS.recordBytes)),
        onBytes: (bytes) => {
          session.state.bytes += bytes;
        },
      });
      if (value === undefined) missing += 1;
      else keep(session, hash, value);
    } finally {
      budget.release(hash);
      if (room.bytes.length <= KEPT_ROOM_BYTES) rooms.push(room);
    }
  });
  return missing;
}

/** An original knows no hashes: the list is read again, for the values alone. */
async function fetchFromList(session: Session, wanted: readonly Uint8Array[]): Promise<number> {
  const { source, state } = session;
  const open = new Set(wanted.map(nameOf));
  for await (const batch of source.batches({ since: 0, inlineBytes: 0 })) {
    state.bytes += batch.bytes;
    for (const { hash, value } of batch.records) {
      if (value === undefined || !open.delete(nameOf(hash))) continue;
      keep(session, hash, checkValue(source.url, hash, value));
    }
    if (open.size === 0) return 0;
  }
  return open.size;
}

function nameOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex');
}

function keep(session: Session, hash: Uint8Array, value: Uint8Array): void {
  session.store.fill(hash, value);
  session.state.values += 1;
  session.state.valuesLeft -= 1;
  reportProgress(session, 'values', session.store.view.modifiedTip());
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
