/**
 * From a source's records to a complete generation (R13–R16): take in, repair, fetch values, put in
 * place; and when what comes does not fit, begin again from the visible generation, then from nothing.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { type PromoteJob, type Promotion, promoteStaged } from '../store/promote.ts';
import type { Generation } from '../store/reader.ts';
import { checkLeft, checkLeftOf } from './check-left.ts';
import { fetchValues } from './fetch-values.ts';
import { twoHistories } from './fork.ts';
import { repairLinks } from './repair-links.ts';
import { reportProgress, type Session } from './session.ts';
import { takeInRecords } from './take-in.ts';

/** What came of a run against one source. */
export type Followed =
  | { readonly kind: 'complete'; readonly generation: Generation; readonly isProved: boolean }
  /** All was taken in, but records were written after the newest snapshot (R22). */
  | { readonly kind: 'uncovered' };

/** What came of one attempt; `refused`: what is staged and what the source has do not fit. */
export type Outcome = Followed | { readonly kind: 'refused'; readonly detail: string };

/** How often a generation may move on under our hands before we give up. */
const ROUNDS = 8;
/** More than so much is judged and put in place in the background thread. */
const INLINE_RECORDS = 300;
const INLINE_BYTES: number = 4 * 1024 * 1024;

/**
 * Brings the store to the source's newest complete generation, going on with what is staged. What is
 * visible does not change unless it returns `complete`.
 *
 * @throws {DrayerError} PEER_INCOMPLETE when there is nothing complete that could be shown
 * @throws {DrayerError} PEER_MISBEHAVED, TWO_HISTORIES, UNREACHABLE, TOO_LARGE, STREAM_BUSY
 */
export async function followSource(session: Session): Promise<Outcome> {
  const { state } = session;
  let detail = '';
  for (let round = 1; round <= ROUNDS; round += 1) {
    const before = { records: state.records, values: state.values };
    const refusal = await takeInAll(session);
    const outcome: Outcome =
      refusal === undefined ? await finish(session) : { kind: 'refused', detail: refusal };
    if (outcome.kind !== 'refused') return outcome;
    detail = outcome.detail;
    if (session.store.unchecked !== undefined) {
      // Whether it really does not fit is for checked records to say.
      await checkLeft(session);
      continue;
    }
    if (refusal !== undefined) return outcome;
    // Nothing new came and nothing fits: asking once more would bring the same.
    const hasProgress = state.records > before.records || state.values > before.values;
    if (!hasProgress) break;
  }
  return { kind: 'refused', detail };
}

/** Takes in all records, going on where a connection broke off as long as each brings something. */
async function takeInAll(session: Session): Promise<string | undefined> {
  for (;;) {
    const before = session.state.records;
    try {
      return await takeInRecords(session);
    } catch (error) {
      const isBroken = isDrayerError(error, 'UNREACHABLE') && session.state.records > before;
      // With others to ask, the next of them goes on.
      if (!isBroken || session.sources.length > 1) throw error;
    }
  }
}

async function finish(session: Session): Promise<Outcome> {
  const { store, source, state } = session;
  const unrepaired = await repairLinks(session);
  if (unrepaired !== undefined) return { kind: 'refused', detail: unrepaired };
  const wanted = store.wanted();
  await checkLeftOf(session, wanted);
  if (wanted.length > 0) await session.waitForOthers();
  const missing = await fetchValues(session);
  if (missing > 0) return { kind: 'refused', detail: `${missing} values are not there any more` };

  reportProgress(session, 'finish', store.view.modifiedTip());
  const promotion = await store.promote(state.goal, (job) => promoter(session, job));
  if (promotion.kind !== 'complete' && store.unchecked !== undefined) {
    return { kind: 'refused', detail: 'the records are not what the snapshot covers' };
  }
  switch (promotion.kind) {
    case 'complete': {
      const { generation, proof } = promotion;
      return { kind: 'complete', generation, isProved: proof === 'snapshot' };
    }
    case 'uncovered':
      if (store.visible !== undefined) return promotion;
      throw new DrayerError(
        'PEER_INCOMPLETE',
        `${source.url}: records were written after its newest snapshot by a program that makes none`,
        { hint: 'nothing complete can be shown before its publisher makes the next generation' },
      );
    case 'incomplete':
      return { kind: 'refused', detail: describeIncomplete(session, promotion) };
    case 'mismatch':
      return { kind: 'refused', detail: promotion.detail };
    case 'fork':
      throw forked(session, promotion);
    case 'moved':
      throw new DrayerError('STREAM_BUSY', `${store.path}: changed while it was mirrored`, {
        hint: 'another program writes to this file; try again',
      });
  }
}

function promoter(
  { store, background, oneShot }: Session,
  job: PromoteJob,
): Promotion | Promise<Promotion> {
  const { records, bytes } = store.staged;
  // A first generation is renamed into place: only its records are looked at, no value is moved.
  const isLight = store.visible === undefined || bytes <= INLINE_BYTES;
  const isSmall = records <= INLINE_RECORDS && isLight && !background.isRunning;
  // To start the thread takes half as long as judging 10,000 records.
  const isAlone = oneShot && store.visible === undefined && !background.isRunning;
  return isSmall || isAlone ? promoteStaged(job) : background.promote(job);
}

function describeIncomplete(
  { store, state }: Session,
  { broken }: Extract<Promotion, { kind: 'incomplete' }>,
): string {
  const [first] = broken;
  if (first !== undefined) {
    const { id, chain, expected, actual } = first;
    return `record ${id}: its link in the ${chain} chain is ${actual}, expected ${expected}`;
  }
  return `the records end at ${store.view.modifiedTip()}, but ${state.goal} has been seen`;
}

function forked(
  { store, source }: Session,
  { detail, records }: Extract<Promotion, { kind: 'fork' }>,
): DrayerError {
  const [held, shown] = records ?? [
    store.visible?.generation().snapshotRecord,
    store.stagedSnapshot(),
  ];
  if (held !== undefined && shown !== undefined) return twoHistories(store, held, shown);
  return new DrayerError('TWO_HISTORIES', `${source.url}: ${detail}`, {
    hint: 'the last complete generation stays; ask the publisher which history holds',
  });
}

/** The error for a source whose records make no complete generation. */
export function incomplete(url: string, detail: string): DrayerError {
  return new DrayerError('PEER_INCOMPLETE', `${url}: no complete generation: ${detail}`, {
    hint: 'what is visible stays as it was; try another peer, or again later',
  });
}
