/** Repair over the network (R14): asking for the patched versions of records whose link is stale. */
import type { Step } from '../core/chain.ts';
import type { SignedRecord } from '../core/record.ts';
import { type Dangling, findDangling, planRepair } from '../core/repair.ts';
import { bareRecord } from '../store/mirror-store.ts';
import { eachAtOnce } from './each-at-once.ts';
import { twoHistories } from './fork.ts';
import { blame } from './peer-errors.ts';
import type { Session } from './session.ts';
import { verifyBatch } from './take-in.ts';

/** From so many on, a page of metadata is cheaper than a request each. */
const PAGE_FROM = 12;
const AT_ONCE = 4;

/**
 * Repairs every link that is stale in what is staged.
 *
 * @returns why a link could not be repaired, or undefined when all are exact
 * @throws {DrayerError} PEER_MISBEHAVED for an invalid answer, TWO_HISTORIES for a fork (R16)
 */
export async function repairLinks(session: Session): Promise<string | undefined> {
  const { store, source } = session;
  // What is visible was exact; where nothing is visible every link is looked at.
  const places = store.base.kind === 'next' ? store.view.places() : undefined;
  const dangling = findDangling(store.view, places);
  if (dangling.length === 0) return undefined;
  // An answer is compared with what is held, and may prove two histories: both are to be checked.
  if (store.unchecked !== undefined) return `${dangling.length} links are to be repaired`;
  if (dangling.length >= PAGE_FROM && !source.isPlain) await repairByPage(session, dangling);
  else await eachAtOnce(dangling, AT_ONCE, (one) => repairOne(session, one));

  const [left] = findDangling(store.view, places);
  return left && `record ${left.record.id}: nobody has its link to ${left.expected}`;
}

async function repairOne(session: Session, { record, expected }: Dangling): Promise<void> {
  const { source, verifier } = session;
  const answer = await source.repairRecord(expected);
  if (answer === undefined) return;
  try {
    verifier.one(answer);
  } catch (error) {
    throw blame(source.url, error);
  }
  stageRepair(session, record, answer);
}

async function repairByPage(session: Session, dangling: readonly Dangling[]): Promise<void> {
  const open = new Map(dangling.map(({ record }) => [record.modified, record]));
  // They are ascending.
  const since = Math.max(0, (dangling[0]?.record.modified ?? 0) - 1);
  for await (const batch of session.source.batches({ since, inlineBytes: 0 })) {
    session.state.bytes += batch.bytes;
    const answers = batch.records.filter((record) => open.has(record.modified));
    await verifyBatch(session, answers);
    for (const answer of answers) {
      const record = open.get(answer.modified);
      open.delete(answer.modified);
      if (record !== undefined) stageRepair(session, record, answer);
    }
    if (open.size === 0) return;
  }
}

function stageRepair({ store }: Session, held: SignedRecord, answer: SignedRecord): void {
  const repair = planRepair(store.view, held, bareRecord(answer));
  if (repair.kind === 'fork') throw twoHistories(store, repair.held, answer);
  if (repair.kind === 'refused') return;
  const steps: readonly Step[] = repair.steps;
  store.view.apply(steps);
  store.write(steps);
}
