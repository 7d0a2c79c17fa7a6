/**
 * What a mirror that is shown may still owe (R22): its signatures are checked, and where one is wrong whoever
 * sent it is named and the records are fetched once more, every signature checked as it comes. What is
 * visible stays: its contents are proved. No value is fetched for it that is held.
 */
import { DrayerError } from '../core/errors.ts';
import { checkInThread } from '../store/check-thread.ts';
import { type Unchecked, uncheckedOf } from '../store/unchecked.ts';
import { attempt, fail, type Round } from './attempt.ts';
import { addressOf } from './candidates.ts';
import type { Contact } from './contacts.ts';
import { candidatesOf } from './gather.ts';
import { type Concluded, conclude } from './round-outcome.ts';
import { waitForSources } from './wait-for-sources.ts';

/** Records that are shown and came with a wrong signature. */
export type WrongSignatures = Unchecked & {
  readonly fault: string;
  /** Nobody knew of it before this round. */
  readonly isNew: boolean;
};

/** Checks what is visible, where that is still to be done; returns what is wrong with it. */
export async function checkVisible({
  store,
  options,
}: Round): Promise<WrongSignatures | undefined> {
  const unchecked = uncheckedOf(store.visible);
  if (unchecked === undefined) return undefined;
  const isNew = unchecked.fault === undefined;
  const check = await checkInThread(store.path, options.signal);
  return check.kind === 'right' ? undefined : { ...check.unchecked, isNew };
}

/** Fetches the records once more, from any other source; from the one that is named only in later rounds. */
export async function mend(round: Round, wrong: WrongSignatures): Promise<Concluded> {
  const { failures } = round;
  const isNamed = ({ source }: Contact): boolean => source.url === wrong.from;
  for (;;) {
    const usable = await waitForSources(round, (standing) => standing !== 'behind');
    for (const contact of wrong.isNew ? usable.filter(isNamed) : [])
      fail(round, contact, named(wrong));
    const left = usable.filter((contact) => !failures.has(contact));
    const contact = left.find((one) => !isNamed(one)) ?? left[0];
    if (contact === undefined && usable.length > 0) continue;
    if (contact === undefined) break;
    const generation = await attempt(round, contact, undefined, 'afresh');
    if (generation === undefined) continue;
    return naming(conclude(round, contact), wrong);
  }
  return naming(conclude(round, undefined), wrong);
}

function named({ from, fault }: WrongSignatures): DrayerError {
  return new DrayerError('PEER_MISBEHAVED', `${from}: ${fault}`, {
    hint: 'what is visible is proved and stays, but no record of it is given to other peers; give another source',
  });
}

/** Whoever sent it is told of also where it was not asked this time. */
function naming(concluded: Concluded, wrong: WrongSignatures): Concluded {
  const isTold = concluded.failures.some(({ candidate, error }) => {
    return error.code === 'PEER_MISBEHAVED' && addressOf(candidate.peer) === wrong.from;
  });
  if (isTold || !wrong.isNew) return concluded;
  const error = named(wrong);
  const more = candidatesOf([wrong.from], 'found').map((candidate) => ({ candidate, error }));
  return { ...concluded, failures: [...concluded.failures, ...more] };
}
