/**
 * One attempt of a round: one source followed, from what is staged or from nothing. What keeps it from being
 * worked with any more is noted with the round.
 */
import type { DrayerError } from '../core/errors.ts';
import type { MirrorStore } from '../store/mirror-store.ts';
import type { Generation } from '../store/reader.ts';
import type { Background } from './background.ts';
import type { Candidate } from './candidates.ts';
import { checkLeft } from './check-left.ts';
import { type Contact, type Contacts, isSourceFault } from './contacts.ts';
import { type Followed, followSource, incomplete } from './follow-source.ts';
import type { HttpLimits } from './http-client.ts';
import { letGo, type Opening } from './opening.ts';
import type { MirrorProgress, Quota, Session, SessionState } from './session.ts';
import { countAhead, knownTip } from './standing.ts';
import type { Verifier } from './verifier.ts';

/** What a round works with besides the store. */
export type RoundOptions = {
  readonly candidates: readonly Candidate[];
  readonly quota?: Quota | undefined;
  /** Of every request. */
  readonly limits?: HttpLimits | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: MirrorProgress) => void) | undefined;
  /** As in `MirrorOptions`. */
  readonly oneShot?: boolean | undefined;
};

/** A round under way. */
export type Round = {
  readonly store: MirrorStore;
  readonly options: RoundOptions;
  readonly contacts: Contacts;
  readonly background: Background;
  readonly verifier: Verifier;
  readonly state: SessionState;
  /** How many of the contacts' tips have been compared with each other. */
  checked: number;
  /** Why a contact is not worked with any more. */
  readonly failures: Map<Contact, DrayerError>;
  readonly breaks: Map<Contact, number>;
  /** Whose records did not fit on what is visible: asked again from nothing, when nobody's do. */
  readonly refused: Map<Contact, string>;
  readonly excluded: Session['excluded'];
  /** Who has records that no snapshot covers (R22). */
  readonly uncovered: Set<Contact>;
};

/** So long all are waited for before values are fetched: whoever answers by then takes part. */
const OTHERS_MS = 1_000;
/** How often one source may break off with something new each time. */
const BREAKS = 8;
/** Fewer are checked as they come: it takes some ms. */
const MANY_SIGNATURES = 300;

/** Follows one source, from what is staged or from nothing; undefined when another has to be asked. */
export async function attempt(
  round: Round,
  contact: Contact,
  opening: Opening | undefined,
  from: 'visible' | 'afresh',
): Promise<Generation | undefined> {
  const { store, state } = round;
  const before = state.records + state.values;
  const session = sessionWith(round, contact);
  state.opening = opening;
  try {
    if (from === 'afresh') store.restart('afresh');
    if (mayLeave(round, contact)) store.leaveUnchecked(contact.source.url);
    else round.verifier.expect(countAhead(store, contact.tip));
    // What another source or an earlier run has staged may be what does not fit.
    const isInherited = store.isResumed || store.staged.records > 0;
    let followed = await followSource(session);
    if (followed.kind === 'refused' && isInherited && from === 'visible') {
      store.restart('visible');
      followed = await followSource(session);
    }
    return settle(round, contact, followed);
  } catch (caught) {
    const error = await worseOf(session, caught);
    if (!isSourceFault(error)) throw error;
    const breaks = (round.breaks.get(contact) ?? 0) + 1;
    round.breaks.set(contact, breaks);
    const isBreak =
      round.contacts.isMany &&
      error.code === 'UNREACHABLE' &&
      state.records + state.values > before;
    if (!isBreak || breaks >= BREAKS) fail(round, contact, error);
    return undefined;
  } finally {
    if (state.opening !== undefined) letGo(state.opening.batches);
    state.opening = undefined;
  }
}

/**
 * Whether the signatures of a first generation may be left for later (R22): where the tip is a snapshot, which
 * is checked, there are many, and nobody has lied in this round.
 */
function mayLeave({ store, failures }: Round, { tip }: Contact): boolean {
  const isFirst = store.base.kind === 'first' && countAhead(store, tip) >= MANY_SIGNATURES;
  return isFirst && ![...failures.values()].some(({ code }) => code === 'PEER_MISBEHAVED');
}

/**
 * What a source failed with. What it left unchecked is checked then, so that nobody goes on with what another
 * is to blame for; and a wrong signature counts more than what came of it.
 */
async function worseOf(session: Session, caught: unknown): Promise<unknown> {
  if (!isSourceFault(caught) || !session.store.isStaging) return caught;
  try {
    await checkLeft(session);
    return caught;
  } catch (error) {
    return error;
  }
}

function settle(
  round: Round,
  contact: Contact,
  followed: Followed | { readonly kind: 'refused'; readonly detail: string },
): Generation | undefined {
  switch (followed.kind) {
    case 'complete':
      return followed.generation;
    case 'uncovered':
      round.uncovered.add(contact);
      return undefined;
    case 'refused':
      round.refused.set(contact, followed.detail);
      fail(round, contact, incomplete(contact.source.url, followed.detail));
      return undefined;
  }
}

/** Works with a contact no more. */
export function fail(round: Round, contact: Contact, error: DrayerError): void {
  round.failures.set(contact, error);
}

function sessionWith(round: Round, contact: Contact): Session {
  const { store, background, verifier, excluded, state, contacts, options } = round;
  state.goal = Math.max(knownTip(store), contact.tip?.modified ?? 0);
  const { source } = contact;
  return {
    store,
    source,
    // Also those that answer while this one is followed.
    get sources() {
      const others = contacts.answered.map((one) => one.source).filter((one) => one !== source);
      return [source, ...others];
    },
    waitForOthers: () => contacts.settled(OTHERS_MS),
    excluded,
    verifier,
    background,
    quota: options.quota ?? {},
    oneShot: options.oneShot ?? false,
    onProgress: options.onProgress,
    state,
  };
}
