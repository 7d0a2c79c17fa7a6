/**
 * Taking a batch that the owner of a stream has signed elsewhere and pushes here: from one complete
 * generation to the next one in one step, or nothing at all (R3, R4, R15, R22). It goes through the same
 * staging as what a mirror fetches; only that here nobody can be asked for what is missing.
 */
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { planAccept } from '../core/accept.ts';
import type { Step } from '../core/chain.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import {
  bytesEqual,
  type Micros,
  PROTOCOL_TYPE,
  type SignedRecord,
  SNAPSHOT_KEY,
} from '../core/record.ts';
import { planRepair } from '../core/repair.ts';
import { verifyRecord } from '../core/signing.ts';
import { decodeSnapshot, type Snapshot } from '../core/snapshot.ts';
import { makePrivateFolder } from './durable-file.ts';
import { bareRecord, type MirrorStore, openMirrorStore } from './mirror-store.ts';
import { type Promotion, promoteStaged } from './promote.ts';
import { noteReceipt } from './push-receipts.ts';
import type { PushedValues } from './pushed-values.ts';
import type { Generation } from './reader.ts';
import { requireChecked } from './unchecked.ts';

/** A batch to take. */
export type BatchJob = {
  /** The stream file; made when there is none. */
  readonly path: string;
  readonly publicKey: Uint8Array;
  /** As they came: in any order, silent patches included, values as far as they are in the batch. */
  readonly records: readonly SignedRecord[];
  /** Modified tip that the batch was signed on, 0 for nothing. */
  readonly expect: Micros;
  /** Hash of the batch's bytes. */
  readonly batch: Uint8Array;
  readonly values: PushedValues;
};

/** What a batch made of the stream. */
export type AcceptedBatch = {
  readonly generation: Generation;
  /** Records that are new, changed or re-signed. */
  readonly records: number;
  /** Records that are gone. */
  readonly removed: number;
};

/** Records checked without letting anything else run. */
const SLICE = 128;
/** Records, and bytes of values, of one staging transaction. */
const STAGED_RECORDS = 512;
const STAGED_BYTES = 4 * 1024 * 1024;

/**
 * Takes a batch: its generation is the visible one, and on disk, when this resolves.
 *
 * @throws {DrayerError} RECORD_INVALID, SIGNATURE_INVALID for a record the key did not sign so
 * @throws {DrayerError} TIP_MOVED when the stream is not at `expect`
 * @throws {DrayerError} BATCH_REFUSED when the batch and the stream make no complete generation
 * @throws {DrayerError} TWO_HISTORIES when both prove that the key signed two
 * @throws {DrayerError} STREAM_BUSY while another process stages or writes the stream
 * @throws {DrayerError} SIGNATURES_UNCHECKED while those of what it is to stand on are
 */
export async function acceptBatch(job: BatchJob): Promise<AcceptedBatch> {
  const { path, publicKey, records } = job;
  for (const [index, record] of records.entries()) {
    if (index % SLICE === SLICE - 1) await nextTurn();
    verifyRecord(record, publicKey);
  }
  makePrivateFolder(dirname(path));
  const store = openMirrorStore(path, publicKey);
  try {
    return await stageBatch(store, job);
  } catch (error) {
    store.discard();
    throw error;
  } finally {
    store.close();
  }
}

async function stageBatch(store: MirrorStore, job: BatchJob): Promise<AcceptedBatch> {
  requireChecked(store.visible);
  checkTip(store.visible?.view.modifiedTip() ?? 0, job.expect);
  const snapshot = checkSnapshot(store, job.records);
  store.begin();
  // What a mirror or a crash left belongs to another generation, and comes again where it is wanted.
  if (store.isResumed) store.restart('visible');
  const steps = planBatch(store, job);
  for (const part of inParts(steps, job)) {
    store.write(part);
    await nextTurn();
  }
  checkWanted(store);

  const tip = store.view.modifiedTip();
  const { removed } = store.view.changed();
  const batch = Buffer.from(job.batch).toString('hex');
  noteReceipt(job.path, { batch, tip, seq: snapshot?.seq ?? 0 }, job.expect);
  const promotion = await store.promote(tip, promoteStaged);
  const generation = generationOf(promotion);
  return { generation, records: job.records.length, removed: removed.length };
}

function checkTip(tip: Micros, expect: Micros): void {
  if (tip === expect) return;
  throw new DrayerError('TIP_MOVED', `expected the stream at ${expect}, it is at ${tip}`, {
    hint: 'somebody else has published; publish again on what is there now',
  });
}

/** A batch leads on: an older snapshot, or the same, is none to go to. */
function checkSnapshot(store: MirrorStore, records: readonly SignedRecord[]): Snapshot | undefined {
  const record = records.find(({ type, key }) => type === PROTOCOL_TYPE && key === SNAPSHOT_KEY);
  const held = store.visible?.generation().snapshot ?? store.trust?.snapshot;
  const snapshot = record?.value && readSnapshot(record.value);
  if (held === undefined || (snapshot !== undefined && snapshot.seq > held.seq)) return snapshot;
  const got = snapshot === undefined ? 'none' : `seq ${snapshot.seq}`;
  throw refused(`expected a snapshot after seq ${held.seq}, got ${got}`);
}

function readSnapshot(value: Uint8Array): Snapshot {
  try {
    return decodeSnapshot(value);
  } catch (error) {
    if (isDrayerError(error, 'MALFORMED')) throw refused(`the snapshot: ${error.message}`);
    throw error;
  }
}

/** What the batch changes: first what is new, by the rules of a mirror (R12), then the silent patches. */
function planBatch(store: MirrorStore, { records, expect }: BatchJob): Step[] {
  const { view } = store;
  const values = new Map(records.map((record) => [record.id, record]));
  const ascending = records.map(bareRecord).sort((a, b) => a.modified - b.modified);
  const all: Step[] = [];
  for (const record of ascending.filter(({ modified }) => modified > expect)) {
    checkId(store, record);
    const acceptance = planAccept(view, record);
    if (acceptance.kind === 'refused') throw refused(acceptance.detail);
    if (acceptance.kind === 'fork') throw twoHistories(record);
    if (acceptance.kind === 'duplicate') throw refused(`record ${record.id} comes twice`);
    view.apply(acceptance.steps);
    all.push(...acceptance.steps);
  }
  for (const record of ascending.filter(({ modified }) => modified <= expect)) {
    const steps = planPatch(store, record);
    view.apply(steps);
    all.push(...steps);
  }
  return all.map((step) => {
    const given = step.kind === 'put' ? values.get(step.record.id) : undefined;
    return given === undefined ? step : { kind: 'put', record: given };
  });
}

/**
 * An id is a record's for ever (R5). The server is at the batch's own tip, so whoever gives an id to
 * another name, or one that was used up, has signed another history.
 */
function checkId({ visible }: MirrorStore, record: SignedRecord): void {
  const held = visible?.view.byId(record.id);
  const isOther = held !== undefined && (held.type !== record.type || held.key !== record.key);
  const isUsedUp = held === undefined && record.id <= (visible?.view.idTip() ?? 0);
  if (isOther || isUsedUp) throw twoHistories(record);
}

function planPatch({ view }: MirrorStore, record: SignedRecord): readonly Step[] {
  const held = view.byId(record.id);
  if (held === undefined) throw refused(`record ${record.id} is older than the tip, and not held`);
  if (bytesEqual(held.signature, record.signature)) return [];
  const repair = planRepair(view, held, record);
  if (repair.kind === 'accepted') return repair.steps;
  throw repair.kind === 'fork' ? twoHistories(record) : refused(repair.detail);
}

/** Steps with the values that were uploaded, as many at a time as one transaction takes. */
function* inParts(steps: readonly Step[], { values }: BatchJob): Generator<Step[]> {
  let part: Step[] = [];
  let bytes = 0;
  for (const step of steps) {
    const whole = withUpload(step, values);
    part.push(whole);
    bytes += whole.kind === 'put' ? (whole.record.value?.length ?? 0) : 0;
    if (part.length < STAGED_RECORDS && bytes < STAGED_BYTES) continue;
    yield part;
    part = [];
    bytes = 0;
  }
  if (part.length > 0) yield part;
}

function withUpload(step: Step, values: PushedValues): Step {
  if (step.kind === 'remove' || step.record.value !== undefined) return step;
  const value = values.read(step.record.hash);
  return value === undefined ? step : { kind: 'put', record: { ...step.record, value } };
}

function checkWanted(store: MirrorStore): void {
  const wanted = store.wanted();
  const [first] = wanted;
  if (first === undefined) return;
  const hex = Buffer.from(first).toString('hex');
  throw refused(`${wanted.length} values were not uploaded, such as ${hex}`);
}

function generationOf(promotion: Promotion): Generation {
  if (promotion.kind === 'complete') return promotion.generation;
  if (promotion.kind === 'fork') throw new DrayerError('TWO_HISTORIES', promotion.detail);
  if (promotion.kind === 'mismatch') throw refused(promotion.detail);
  if (promotion.kind === 'uncovered') throw refused('the newest record is not the snapshot');
  if (promotion.kind === 'moved') {
    throw new DrayerError('TIP_MOVED', 'the stream was written to meanwhile');
  }
  const [link] = promotion.broken;
  if (link === undefined) throw refused('records are missing');
  const { id, chain, expected, actual } = link;
  throw refused(`record ${id}: its link in the ${chain} chain is ${actual}, expected ${expected}`);
}

function twoHistories(record: SignedRecord): DrayerError {
  const message = `record ${record.id} at ${record.modified}: the key has signed another of this place`;
  return new DrayerError('TWO_HISTORIES', message);
}

function refused(detail: string): DrayerError {
  return new DrayerError('BATCH_REFUSED', `the batch makes no complete generation: ${detail}`, {
    hint: 'nothing was changed; publish again',
  });
}
