/**
 * Signatures of staged records that were left for later (R22), checked before anything that is built on them:
 * then all is as if each had been checked as it came.
 */
import type { Step } from '../core/chain.ts';
import type { SignedRecord } from '../core/record.ts';
import { nameOfHash } from '../store/hash-name.ts';
import { blame } from './peer-errors.ts';
import type { Session } from './session.ts';
import { inBatches } from './take-in.ts';

/**
 * Checks all that is left. What came before a wrong one stays staged: it is right, whoever sent it.
 *
 * @throws {DrayerError} PEER_MISBEHAVED naming the source: what is left is all of one
 */
export async function checkLeft(session: Session): Promise<void> {
  const { store, verifier, source, state } = session;
  if (store.unchecked === undefined) return;
  for (const records of inBatches(store.stagedRecords())) {
    try {
      await verifier.all(records);
    } catch (error) {
      dropFrom(session, firstWrong(session, records));
      throw blame(source.url, error);
    }
  }
  store.noteChecked();
  state.goal = Math.max(state.goal, store.view.modifiedTip());
}

/** The same only of records with these values: those are fetched, whatever their size, for what is signed. */
export async function checkLeftOf(session: Session, hashes: readonly Uint8Array[]): Promise<void> {
  const { store, verifier } = session;
  if (hashes.length === 0 || store.unchecked === undefined) return;
  const names = new Set(hashes.map(nameOfHash));
  const those = [...store.stagedRecords()].filter(({ hash }) => names.has(nameOfHash(hash)));
  try {
    for (const records of inBatches(those)) await verifier.all(records);
  } catch {
    // There is a wrong one, and perhaps another before it.
    await checkLeft(session);
  }
}

function firstWrong(
  { verifier }: Session,
  records: readonly SignedRecord[],
): SignedRecord | undefined {
  return records.find((record) => {
    try {
      verifier.one(record);
      return false;
    } catch {
      return true;
    }
  });
}

function dropFrom({ store }: Session, wrong: SignedRecord | undefined): void {
  const from = wrong?.modified ?? 0;
  const steps: Step[] = [];
  for (const { id, modified } of store.stagedRecords()) {
    if (modified >= from) steps.push({ kind: 'remove', id });
  }
  store.view.apply(steps);
  store.write(steps);
  store.noteChecked();
}
