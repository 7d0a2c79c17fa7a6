/**
 * Which batches a stream file has taken, so that one that comes again is known: a small file beside the
 * stream file. It is written before the generation is, and what it says of the last batch counts only if
 * the stream file agrees: a crash between the two tells no lie.
 */
import { parseJson } from '../core/json.ts';
import type { Micros } from '../core/record.ts';
import { fileError, readTextIfThere, replaceSynced } from './durable-file.ts';

/** A batch that was taken, or was about to be. */
export type PushReceipt = {
  /** Hash of the batch's bytes, in hex. */
  readonly batch: string;
  /** Modified tip after it. */
  readonly tip: Micros;
  /** 0 where there is no snapshot. */
  readonly seq: number;
};

/** Most batches remembered. */
const MOST = 64;

/** Path of the receipts of the stream at `streamPath`. */
export function receiptsPathOf(streamPath: string): string {
  return `${streamPath}.receipts`;
}

/**
 * Finds the receipt of a batch.
 *
 * @param tip - modified tip of the stream file
 */
export function findReceipt(
  streamPath: string,
  batch: string,
  tip: Micros,
): PushReceipt | undefined {
  return readTaken(streamPath, tip).find((receipt) => receipt.batch === batch);
}

/**
 * Notes a batch that is about to be taken.
 *
 * @param tip - modified tip of the stream file before it
 */
export function noteReceipt(streamPath: string, receipt: PushReceipt, tip: Micros): void {
  const path = receiptsPathOf(streamPath);
  const all = [...readTaken(streamPath, tip), receipt].slice(-MOST);
  try {
    replaceSynced(path, `${JSON.stringify(all)}\n`, 0o600);
  } catch (cause) {
    throw fileError(path, 'cannot note what was pushed', cause);
  }
}

/** What has been noted and has come to be: nothing of it is above the tip of the stream file. */
function readTaken(streamPath: string, tip: Micros): PushReceipt[] {
  const text = readTextIfThere(receiptsPathOf(streamPath), 'what was pushed') ?? '[]';
  return parseReceipts(text).filter((receipt) => receipt.tip <= tip);
}

// Damaged, it is as if there were none: a batch that comes again is then refused by its tip.
function parseReceipts(text: string): PushReceipt[] {
  const parsed = parseJson(text);
  return Array.isArray(parsed) ? parsed.filter(isReceipt) : [];
}

function isReceipt(value: unknown): value is PushReceipt {
  if (typeof value !== 'object' || value === null) return false;
  const { batch, tip, seq } = value as { [name in keyof PushReceipt]?: unknown };
  return typeof batch === 'string' && Number.isSafeInteger(tip) && Number.isSafeInteger(seq);
}
