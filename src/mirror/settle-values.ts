/**
 * Making a mirror hold exactly the values that its mode wants (R18), once a generation is visible: what
 * was wanted only later is fetched, what is not wanted any more is erased. Each value by itself, so a run
 * that is broken off is gone on with by the next.
 */
import { existsSync } from 'node:fs';
import { type HeldValues, hasTraces } from '../store/held-values.ts';
import { partPathOf } from '../store/staging-file.ts';
import { heldModeOf } from '../store/value-choice.ts';
import { type FetchSession, fetchThese } from './fetch-values.ts';
import { isOverQuota, tooLarge } from './quota.ts';
import type { Session } from './session.ts';

/** What came of it. */
export type SettledValues = {
  /** Values that are wanted and could not be had. */
  readonly wanted: number;
  /** Values that were erased, and their bytes. */
  readonly dropped: number;
  readonly droppedBytes: number;
};

const SETTLED: SettledValues = { wanted: 0, dropped: 0, droppedBytes: 0 };
/** Values are stored together, up to so many bytes: each time the disk is waited for. */
const STORE_BYTES = 4 * 1024 * 1024;

type SettleSession = FetchSession & Pick<Session, 'onProgress' | 'quota'>;

/**
 * Fetches and erases what the mode says; looks at nothing where that has been done for this generation.
 *
 * @throws {DrayerError} TOO_LARGE when more is wanted than the quota has room for; what has room is kept
 * @throws {DrayerError} STREAM_BUSY, STORAGE_FAILED, ABORTED; that a source is of no use is no error here
 */
export async function settleValues(session: SettleSession): Promise<SettledValues> {
  const { path, parts, visible } = session.store;
  const settled = await settle(session);
  // What is staged, or lies there to be gone on with, may want what has come of its values.
  const isOver = visible !== undefined && settled.wanted === 0;
  if (isOver && !parts.isEmpty && !existsSync(partPathOf(path))) parts.keepOnly(() => false);
  return settled;
}

async function settle(session: SettleSession): Promise<SettledValues> {
  const { store } = session;
  const tip = store.visible?.view.modifiedTip() ?? 0;
  const kept = heldModeOf(store.visible);
  if (store.visible === undefined || kept === undefined) return SETTLED;
  const isSettled = kept.settled === tip && store.values.large.size === 0;
  if (isSettled && !hasTraces(store.visible)) return SETTLED;
  const held = store.openValues();
  if (held === undefined) return SETTLED;
  try {
    const { mode } = store.values;
    for (const [name, bytes] of store.values.large) {
      held.noteLarge(Buffer.from(name, 'latin1'), bytes, nowMicros());
    }
    const dropped = held.drop(mode);
    const wanted = await fetchWanted(session, held);
    held.compact();
    held.setMode({ mode, since: kept.since, settled: wanted === 0 ? tip : 0 });
    return { wanted, dropped: dropped.values, droppedBytes: dropped.bytes };
  } finally {
    held.close();
  }
}

async function fetchWanted(session: SettleSession, held: HeldValues): Promise<number> {
  const { store, state, quota, onProgress } = session;
  const tip = store.visible?.view.modifiedTip() ?? 0;
  let leftBytes = quota.bytes === undefined ? Number.POSITIVE_INFINITY : quota.bytes - held.bytes();
  const checkRoom = (taken: number): void => {
    if (taken > leftBytes) throw tooLarge(store.path, quota);
  };
  let came: { hash: Uint8Array; value: Uint8Array }[] = [];
  let bytes = 0;
  const flush = (): void => {
    const hashes = came.map(({ hash }) => hash);
    store.parts.storing(hashes, () => held.fill(came));
    came = [];
    bytes = 0;
  };
  const onValue = (hash: Uint8Array, value: Uint8Array): void => {
    const all = value.length * held.wanting(hash);
    checkRoom(all);
    leftBytes -= all;
    // A copy: its memory is used again.
    came.push({ hash, value: new Uint8Array(value) });
    bytes += value.length;
    // What is kept of a part is not to be counted beside the whole.
    if (bytes >= STORE_BYTES || store.parts.has(hash)) flush();
    onProgress?.({ ...state, phase: 'values', tip });
  };
  try {
    const hashes = held.wanted(store.values.mode, nowMicros());
    const { missing } = await fetchThese(session, hashes, {
      among: store.visible?.view.count(),
      onValue,
      onLarge: (hash, size) => held.noteLarge(hash, size, nowMicros()),
      onKept: () => checkRoom(store.parts.bytes),
    });
    flush();
    return missing.length;
  } catch (error) {
    if (!isOverQuota(error)) throw error;
    flush();
    store.parts.keepOnly(() => false);
    throw error;
  }
}

function nowMicros(): number {
  return Date.now() * 1000;
}
