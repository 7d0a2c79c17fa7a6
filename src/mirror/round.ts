/**
 * One round over all sources of a stream (R13, R16): many are asked for their tip at once, the newest
 * is followed, and where one fails or lies the next goes on, on what has been staged. What is visible
 * changes in one step, or not at all.
 */
import type { DrayerError } from '../core/errors.ts';
import type { MirrorStore } from '../store/mirror-store.ts';
import type { Generation } from '../store/reader.ts';
import { Background } from './background.ts';
import type { Candidate } from './candidates.ts';
import { type Contact, Contacts, type Failure, isSourceFault } from './contacts.ts';
import { firstOf } from './first-of.ts';
import { type Followed, followSource, incomplete } from './follow-source.ts';
import type { HttpLimits } from './http-client.ts';
import { letGo, type Opening, openSource } from './opening.ts';
import { type Concluded, conclude, type RoundOutcome } from './round-outcome.ts';
import type { MirrorProgress, Quota, Session, SessionState } from './session.ts';
import { settleValues } from './settle-values.ts';
import { contradicts, contradictsVisible, countAhead, knownTip, standingOf } from './standing.ts';
import { takeUpStaged } from './take-in.ts';
import { Verifier } from './verifier.ts';

/** What a round works with besides the store. */
export type RoundOptions = {
  readonly candidates: readonly Candidate[];
  readonly quota?: Quota | undefined;
  /** Of every request. */
  readonly limits?: HttpLimits | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: MirrorProgress) => void) | undefined;
};

/** So many tips are waited for, and so long after the first, before the newest of them is followed. */
const ENOUGH_TIPS = 3;
const GRACE_MS = 250;
/**
 * Who has sent nothing for so long, or twice as long as it took the quickest to show its tip, does not
 * keep the next from being asked as well, ms.
 */
const HEDGE_MS = 250;
const HEDGES = 32;
/** So long all are waited for before values are fetched: whoever answers by then takes part. */
const OTHERS_MS = 1_000;
/** How often one source may break off with something new each time. */
const BREAKS = 8;

/**
 * Runs a round.
 *
 * @throws {DrayerError} TWO_HISTORIES, STREAM_BUSY, STORAGE_FAILED, ABORTED: what is about no one source
 */
export async function runRound(store: MirrorStore, options: RoundOptions): Promise<RoundOutcome> {
  const { candidates, signal, limits } = options;
  const background = new Background();
  const { publicKey } = store;
  const contacts = new Contacts(candidates, { publicKey, limits, signal });
  const round: Round = {
    store,
    options,
    contacts,
    background,
    verifier: new Verifier(publicKey, background),
    state: newState(),
    checked: 0,
    failures: new Map(),
    breaks: new Map(),
    refused: new Map(),
    excluded: new Map(),
    uncovered: new Set(),
  };
  try {
    const outcome = await followBest(round);
    const settled = await settleValues(sessionFor(round));
    return { ...outcome, failures: [...outcome.failures, ...liarsAmong(round)], settled };
  } finally {
    contacts.close();
    await background.close();
  }
}

type Round = {
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

async function followBest(round: Round): Promise<Concluded> {
  const { store } = round;
  for (;;) {
    const ahead = await waitForAhead(round);
    if (ahead.length === 0) break;
    if (!store.isStaging) await takeUpStaged(round, countAhead(store, ahead[0]?.tip));
    const opened = await openOne(round, ahead);
    if (opened === undefined) continue;
    const generation = await attempt(round, opened.contact, opened.opening, 'visible');
    if (generation !== undefined) return conclude(round, opened.contact);
  }
  // Nobody's records fit on what is here: the fault may be what is here (R16).
  for (const [contact, detail] of store.visible === undefined ? [] : round.refused) {
    round.failures.delete(contact);
    const generation = await attempt(round, contact, undefined, 'afresh');
    if (generation !== undefined) return conclude(round, contact);
    if (!round.failures.has(contact)) fail(round, contact, incomplete(contact.source.url, detail));
  }
  return conclude(round, undefined);
}

/** The contacts that have more than is here and are not given up, the best first; none when nobody is left. */
async function waitForAhead(round: Round): Promise<Contact[]> {
  const { contacts, store, failures, excluded } = round;
  let firstAt: number | undefined;
  for (;;) {
    checkForks(round);
    const ahead = contacts.answered.filter((contact) => {
      const isLeft = !failures.has(contact) && !excluded.has(contact.source);
      return isLeft && !round.uncovered.has(contact) && standingOf(store, contact.tip) === 'ahead';
    });
    if (contacts.isDone) return ahead.sort(byPromise);
    const now = performance.now();
    if (ahead.length > 0) firstAt ??= now;
    const graceMs = firstAt === undefined ? Number.POSITIVE_INFINITY : firstAt + GRACE_MS - now;
    const isEnough = ahead.length > 0 && contacts.answered.length >= ENOUGH_TIPS;
    if (isEnough || graceMs <= 0) return ahead.sort(byPromise);
    await contacts.more(graceMs);
  }
}

/** The newest first, of them who answers soonest. */
function byPromise(a: Contact, b: Contact): number {
  return (b.tip?.modified ?? 0) - (a.tip?.modified ?? 0) || a.answeredMs - b.answeredMs;
}

/** Compares each tip that has come with what is visible and with all other tips (R16). */
function checkForks(round: Round): void {
  const { store, contacts } = round;
  for (; round.checked < contacts.answered.length; round.checked += 1) {
    const { tip } = contacts.answered[round.checked] ?? {};
    if (tip === undefined) continue;
    const fault = contradictsVisible(store, tip);
    if (fault !== undefined) throw fault;
    for (const other of contacts.answered.slice(0, round.checked)) {
      const contradiction = other.tip && contradicts(store, other.tip, tip);
      if (contradiction !== undefined) throw contradiction;
    }
  }
}

type Opened = { readonly contact: Contact; readonly opening: Opening | undefined };

/** The first source to send anything; undefined when none of them does. */
async function openOne(round: Round, ahead: readonly Contact[]): Promise<Opened | undefined> {
  const [only] = ahead;
  // There is nobody to be sooner.
  if (only !== undefined && ahead.length === 1) return { contact: only, opening: undefined };
  const since = round.store.view.modifiedTip();
  const faults: unknown[] = [];
  const first = await firstOf(
    ahead,
    ({ source }) => openSource(source, since, round.store.values.mode),
    {
      afterMs: Math.max(HEDGE_MS, 2 * Math.min(...ahead.map(({ answeredMs }) => answeredMs))),
      atOnce: HEDGES,
      onFailed: (contact, error) => {
        if (isSourceFault(error)) fail(round, contact, error);
        else faults.push(error);
      },
      onLate: ({ batches }) => letGo(batches),
    },
  );
  if (faults.length > 0) {
    if (first !== undefined) letGo(first.result.batches);
    throw faults[0];
  }
  return first && { contact: first.item, opening: first.result };
}

/** Follows one source, from what is staged or from nothing; undefined when another has to be asked. */
async function attempt(
  round: Round,
  contact: Contact,
  opening: Opening | undefined,
  from: 'visible' | 'afresh',
): Promise<Generation | undefined> {
  const { store, state } = round;
  const before = state.records + state.values;
  const session = sessionWith(round, contact);
  round.verifier.expect(countAhead(store, contact.tip));
  state.opening = opening;
  try {
    if (from === 'afresh') store.restart('afresh');
    // What another source or an earlier run has staged may be what does not fit.
    const isInherited = store.isResumed || store.staged.records > 0;
    let followed = await followSource(session);
    if (followed.kind === 'refused' && isInherited && from === 'visible') {
      store.restart('visible');
      followed = await followSource(session);
    }
    return settle(round, contact, followed);
  } catch (error) {
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

function fail(round: Round, contact: Contact, error: DrayerError): void {
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
    onProgress: options.onProgress,
    state,
  };
}

/** Who gave records and tips as it should, and sent other bytes than a value has. */
function liarsAmong({ contacts, failures, excluded }: Round): Failure[] {
  return contacts.answered.flatMap((contact) => {
    const error = failures.has(contact) ? undefined : excluded.get(contact.source);
    return error === undefined ? [] : [{ candidate: contact.candidate, error }];
  });
}

/** What fetching values takes, whoever the records came from. */
function sessionFor({ store, excluded, state, contacts, failures, options }: Round) {
  const sources = contacts.answered
    .filter((contact) => !failures.has(contact))
    .map(({ source }) => source);
  return { store, excluded, state, sources, onProgress: options.onProgress };
}

function newState(): SessionState {
  return {
    goal: 0,
    peerTip: undefined,
    records: 0,
    values: 0,
    valuesLeft: 0,
    bytes: 0,
    opening: undefined,
  };
}
