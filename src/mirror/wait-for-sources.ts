/** Which of the sources that have answered a round goes on with, and how long it waits for better ones. */
import type { Round } from './attempt.ts';
import type { Contact } from './contacts.ts';
import { contradicts, contradictsVisible, type Standing, standingOf } from './standing.ts';

/** So many tips are waited for, and so long after the first, before the newest of them is followed. */
const ENOUGH_TIPS = 3;
const GRACE_MS = 250;

/** The contacts that stand where they should and are not given up, the best first; none when nobody is left. */
export async function waitForSources(
  round: Round,
  isWanted: (standing: Standing) => boolean,
): Promise<Contact[]> {
  const { contacts, store, failures, excluded } = round;
  let firstAt: number | undefined;
  for (;;) {
    checkForks(round);
    const wanted = contacts.answered.filter((contact) => {
      const isLeft = !failures.has(contact) && !excluded.has(contact.source);
      return isLeft && !round.uncovered.has(contact) && isWanted(standingOf(store, contact.tip));
    });
    if (contacts.isDone) return wanted.sort(byPromise);
    const now = performance.now();
    if (wanted.length > 0) firstAt ??= now;
    const graceMs = firstAt === undefined ? Number.POSITIVE_INFINITY : firstAt + GRACE_MS - now;
    const isEnough = wanted.length > 0 && contacts.answered.length >= ENOUGH_TIPS;
    if (isEnough || graceMs <= 0) return wanted.sort(byPromise);
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
