/**
 * Taking in what a source sends (R12): batch after batch, the signatures of one checked while the
 * next arrives, each staged in one transaction.
 */
import { planAccept } from '../core/accept.ts';
import { provesTwoHistories, type Step } from '../core/chain.ts';
import { DrayerError } from '../core/errors.ts';
import type { Micros, SignedRecord } from '../core/record.ts';
import { bareRecord } from '../store/mirror-store.ts';
import { mayWant, type ValueMode } from '../store/value-mode.ts';
import { twoHistories } from './fork.ts';
import { type Arrival, arrive, letGo, type Opening, requestRecords } from './opening.ts';
import { blame } from './peer-errors.ts';
import { checkStaged } from './quota.ts';
import { reportProgress, type Session } from './session.ts';
import type { Batch } from './source.ts';

/** Batches that are being checked while the next one arrives: neither thread then waits for the other. */
const AHEAD = 3;
/** So much is staged before its signatures are looked at, and what each record takes besides its value. */
const MOST_LEFT_BYTES: number = 512 * 1024 * 1024;
const RECORD_BYTES = 1024;
const METADATA: ValueMode = { metadataOnly: true };

/**
 * Stages everything the source has after the staged tip.
 *
 * @returns why a record was refused (R12), or undefined when all were taken in
 * @throws {DrayerError} PEER_MISBEHAVED for an invalid record, TWO_HISTORIES for a fork (R16)
 * @throws {DrayerError} UNREACHABLE when it breaks off; what had come is staged
 */
export async function takeInRecords(session: Session): Promise<string | undefined> {
  const { source, store } = session;
  const since = store.view.modifiedTip();
  const opened = takeOpening(session, since);
  // Nearly all values of another copy of what is visible are here already.
  const mode = store.base.kind === 'afresh' ? METADATA : store.values.mode;
  const batches = opened?.batches ?? requestRecords(source, since, mode);
  const queue: { readonly batch: Batch; readonly isChecked: Promise<void> }[] = [];
  let next: Promise<Arrival> | undefined =
    opened === undefined ? arrive(batches) : Promise.resolve(opened.first);
  let fault: Arrival | undefined;
  try {
    while (next !== undefined || queue.length > 0) {
      if (next !== undefined) {
        const { batch, ...end }: Arrival = await next;
        next = batch && arrive(batches);
        if (batch === undefined) fault = end;
        else queue.push({ batch, isChecked: silenced(verifyBatch(session, batch.records)) });
        if (batch !== undefined && queue.length < AHEAD) continue;
      }
      const first = queue.shift();
      await first?.isChecked;
      const refusal = first && stageBatch(session, first.batch);
      if (refusal !== undefined) return refusal;
    }
  } finally {
    letGo(batches);
    store.flush();
  }
  if (fault !== undefined && 'error' in fault) throw fault.error;
  return undefined;
}

/** The opening of this session, once, if it still begins where the staging ends. */
function takeOpening({ state }: Session, since: Micros): Opening | undefined {
  const { opening } = state;
  state.opening = undefined;
  if (opening === undefined || opening.since === since) return opening;
  letGo(opening.batches);
  return undefined;
}

/**
 * Checks what an earlier run left, and takes it up; what is wrong is thrown away with all the rest.
 *
 * @param likelyRecords - how many records will come, as far as anybody knows
 */
export async function takeUpStaged(
  { store, verifier }: Pick<Session, 'store' | 'verifier'>,
  likelyRecords: number,
): Promise<void> {
  try {
    for (const records of inBatches(store.begin(likelyRecords))) {
      await verifier.all(records);
      store.adopt(records);
    }
    if (store.unchecked !== undefined) store.noteChecked();
  } catch (error) {
    // Half written in a power cut. Nobody is to blame, and nothing is lost but time.
    if (!(error instanceof DrayerError) || error.code === 'STREAM_BUSY') throw error;
    store.restart('visible');
  }
}

/** Checks records of the source; an invalid one condemns it (R16). Signatures may be left for later. */
export async function verifyBatch(
  { store, source, verifier }: Session,
  records: readonly SignedRecord[],
): Promise<void> {
  try {
    if (store.unchecked !== undefined) verifier.contents(records);
    else await verifier.all(records);
  } catch (error) {
    throw blame(source.url, error);
  }
}

/** Stages a checked batch; returns why one of its records was refused, with all before it staged. */
function stageBatch(session: Session, batch: Batch): string | undefined {
  const { store, state } = session;
  const { view } = store;
  const steps: Step[] = [];
  const isChecked = store.unchecked === undefined;
  let refusal: string | undefined;
  for (const record of batch.records) {
    // Neither a goal nor a proof is made of a signature that nobody has checked.
    if (isChecked) state.goal = Math.max(state.goal, record.modified);
    checkFork(session, record);
    const bare = bareRecord(record);
    const acceptance = planAccept(view, bare);
    const isProved = acceptance.kind === 'fork' && isChecked;
    if (isProved) throw twoHistories(store, acceptance.held, record);
    if (acceptance.kind === 'fork') refusal = `record ${record.id}: contradicts another`;
    if (acceptance.kind === 'refused') refusal = acceptance.detail;
    if (acceptance.kind === 'refused' || acceptance.kind === 'fork') break;
    if (acceptance.kind === 'duplicate') continue;
    view.apply(acceptance.steps);
    steps.push(...acceptance.steps.map((step) => withValue(step, record, store.values.mode)));
    state.records += 1;
  }
  if (steps.length > 0) store.write(steps);
  state.bytes += batch.bytes;
  state.peerTip = batch.peerTip;
  reportProgress(session, 'records', view.modifiedTip());
  checkStaged(session);
  return refusal ?? (isChecked ? undefined : tooMuchLeft(session));
}

/** What nobody has signed is not to fill the disk: sooner or later the signatures are looked at. */
function tooMuchLeft({ store }: Session): string | undefined {
  const { records, bytes } = store.staged;
  const staged = bytes + records * RECORD_BYTES;
  return staged > MOST_LEFT_BYTES ? `${staged} bytes came with signatures not checked` : undefined;
}

/** Staging from nothing does not meet what is visible, so a fork between the two is looked for (R16). */
function checkFork({ store }: Session, record: SignedRecord): void {
  if (store.base.kind !== 'afresh') return;
  const held = store.visible?.view.byModified(record.modified);
  if (held !== undefined && provesTwoHistories(held, record)) {
    throw twoHistories(store, held, record);
  }
}

function withValue(step: Step, record: SignedRecord, mode: ValueMode): Step {
  if (step.kind !== 'put' || step.record.id !== record.id) return step;
  // An original sends every value, whatever is wanted (R18).
  const isWanted = mayWant(mode, record.type, record.value?.length);
  return { kind: 'put', record: isWanted ? record : step.record };
}

/** As many records at a time as are checked together. */
export function* inBatches(records: Iterable<SignedRecord>): Generator<SignedRecord[]> {
  let batch: SignedRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    batch.push(record);
    bytes += record.value?.length ?? 0;
    if (batch.length < 512 && bytes < 4 * 1024 * 1024) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/** A promise that is awaited later; until then a failure is nobody's. */
function silenced(promise: Promise<void>): Promise<void> {
  promise.catch(ignore);
  return promise;
}

function ignore(): void {}
