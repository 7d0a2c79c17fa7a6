/**
 * One round over all sources of a stream (R13, R16): many are asked for their tip at once, the newest
 * is followed, and where one fails or lies the next goes on, on what has been staged. What is visible
 * changes in one step, or not at all.
 */
import type { MirrorStore } from '../store/mirror-store.ts';
import { attempt, fail, type Round, type RoundOptions } from './attempt.ts';
import { Background } from './background.ts';
import { type Contact, Contacts, type Failure, isSourceFault } from './contacts.ts';
import { firstOf } from './first-of.ts';
import { incomplete } from './follow-source.ts';
import { checkVisible, mend } from './mend.ts';
import { arrive, letGo, type Opening, openSource, requestRecords } from './opening.ts';
import { type Concluded, conclude, type RoundOutcome } from './round-outcome.ts';
import type { SessionState } from './session.ts';
import { settleValues } from './settle-values.ts';
import { countAhead } from './standing.ts';
import { takeUpStaged } from './take-in.ts';
import { Verifier } from './verifier.ts';
import { waitForSources } from './wait-for-sources.ts';

/**
 * Who has sent nothing for so long, or twice as long as it took the quickest to show its tip, does not
 * keep the next from being asked as well, ms.
 */
const HEDGE_MS = 250;
const HEDGES = 32;

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
    const outcome = await followChecked(round);
    const settled = await settleValues(sessionFor(round));
    return { ...outcome, failures: [...outcome.failures, ...liarsAmong(round)], settled };
  } finally {
    contacts.close();
    await background.close();
  }
}

/** Nothing is built on what is shown and not checked; and nothing is left so without need. */
async function followChecked(round: Round): Promise<Concluded> {
  const old = await checkVisible(round);
  if (old !== undefined) return await mend(round, old);
  const concluded = await followBest(round);
  const wrong = round.options.oneShot === true ? undefined : await checkVisible(round);
  return wrong === undefined ? concluded : { ...(await mend(round, wrong)), changed: true };
}

async function followBest(round: Round): Promise<Concluded> {
  const { store } = round;
  for (;;) {
    const ahead = await waitForSources(round, (standing) => standing === 'ahead');
    if (ahead.length === 0) break;
    const opened = await begin(round, ahead);
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

type Opened = { readonly contact: Contact; readonly opening: Opening | undefined };

/** Makes the staging file, or takes it up, and opens a source. */
async function begin(round: Round, ahead: readonly Contact[]): Promise<Opened | undefined> {
  const { store } = round;
  const asked = await askFirst(round, ahead);
  try {
    if (!store.isStaging) await takeUpStaged(round, countAhead(store, ahead[0]?.tip));
  } catch (error) {
    if (asked?.opening !== undefined) letGo(asked.opening.batches);
    throw error;
  }
  return asked ?? (await openOne(round, ahead));
}

/** Where nothing is here, one that is alone makes its first page while the file for it is made. */
async function askFirst(
  { store }: Round,
  [only, ...others]: readonly Contact[],
): Promise<Opened | undefined> {
  if (only === undefined || others.length > 0 || !store.isEmpty) return undefined;
  const batches = requestRecords(only.source, 0, store.values.mode);
  const first = arrive(batches);
  // Making the file holds up everything: the request is to have left.
  await new Promise((resolve) => setImmediate(resolve));
  return { contact: only, opening: { since: 0, batches, first } };
}

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
  const { quota = {}, onProgress } = options;
  return { store, excluded, state, sources, quota, onProgress };
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
