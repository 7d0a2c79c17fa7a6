/** What a round over all sources came to (R13, R16). */
import { DrayerError } from '../core/errors.ts';
import type { MirrorStore } from '../store/mirror-store.ts';
import type { Contact, Contacts, Failure } from './contacts.ts';
import { isOverQuota } from './quota.ts';
import type { SessionState } from './session.ts';
import type { SettledValues } from './settle-values.ts';
import { standingOf } from './standing.ts';

/** What a round came to. */
export type RoundOutcome = {
  /** Whether it made a new generation visible. */
  readonly changed: boolean;
  /**
   * `current`: nobody shows anything newer. `behind`: all show something older. `uncovered`: there are
   * records after the newest snapshot. `withheld`: a source shows a newer record, and nobody gives what
   * belongs to it.
   */
  readonly standing: 'current' | 'behind' | 'uncovered' | 'withheld';
  readonly state: SessionState;
  /** Who answered, and who gave what was taken, if anything was. */
  readonly contacts: readonly Contact[];
  readonly from: Contact | undefined;
  readonly failures: readonly Failure[];
  /** Why the round came to nothing: no source was of use. */
  readonly error: DrayerError | undefined;
  /** What became of the values of what is visible. */
  readonly settled: SettledValues;
};

/** What is known at the end of a round. */
export type Concluding = {
  readonly store: MirrorStore;
  readonly contacts: Contacts;
  readonly state: SessionState;
  /** Why a contact is not worked with any more. */
  readonly failures: ReadonlyMap<Contact, DrayerError>;
  /** Who has records that no snapshot covers (R22). */
  readonly uncovered: ReadonlySet<Contact>;
};

/** A round, before it is looked at whether all values are held that are wanted. */
export type Concluded = Omit<RoundOutcome, 'settled'>;

/** Says what a round came to. */
export function conclude(round: Concluding, from: Contact | undefined): Concluded {
  const { contacts, state } = round;
  const failures = [
    ...contacts.failed,
    ...[...round.failures].map(([{ candidate }, error]) => ({ candidate, error })),
  ];
  return {
    changed: from !== undefined,
    standing: from === undefined ? standingOfAll(round) : 'current',
    state,
    contacts: contacts.answered,
    from,
    failures,
    error: useful(round).length === 0 ? failureOfAll(failures) : undefined,
  };
}

function standingOfAll(round: Concluding): RoundOutcome['standing'] {
  const { store } = round;
  if (round.uncovered.size > 0) return 'uncovered';
  if (round.failures.size > 0) return 'withheld';
  const isBehind = useful(round).every(({ tip }) => standingOf(store, tip) === 'behind');
  return isBehind ? 'behind' : 'current';
}

function useful({ contacts, failures }: Concluding): Contact[] {
  return contacts.answered.filter((contact) => !failures.has(contact));
}

/** What is worst about none of the sources: not that one of them is away, if another has lied. */
const WORST = [
  'PEER_MISBEHAVED',
  'TOO_LARGE',
  'PEER_INCOMPLETE',
  'HOST_REFUSED',
  'NOT_FOUND',
  'UNREACHABLE',
] as const;

function failureOfAll(failures: readonly Failure[]): DrayerError {
  const [first] = failures;
  if (first === undefined) {
    return new DrayerError('NOT_FOUND', 'there is no source to ask', {
      hint: 'give the URL of a server that has the stream',
    });
  }
  if (failures.length === 1) return first.error;
  const errors = failures.map(({ error }) => error);
  const code = WORST.find((one) => errors.some((error) => error.code === one));
  const all = errors.map(({ message }) => message).join('; ');
  const message = `none of ${failures.length} sources gives the stream: ${all}`;
  return new DrayerError(code ?? first.error.code, message, {
    cause: first.error,
    hint: 'what is visible stays as it was; give another source, or try again later',
    details: code === 'TOO_LARGE' ? errors.find(isOverQuota)?.details : undefined,
  });
}
