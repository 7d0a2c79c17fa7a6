/**
 * What a mirror has seen complete, in a file beside the stream file, not in it: a stream file that is
 * replaced by an older one, or a peer that shows an older state, is noticed (R20, R22).
 */

import { DrayerError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { bytesEqual, type Micros } from '../core/record.ts';
import { fileError, readTextIfThere, replaceSynced } from './durable-file.ts';
import type { Generation } from './reader.ts';

/** The newest generation a mirror has called complete. */
export type Trust = {
  /** Its modified tip. A stream's tip never goes back. */
  readonly tip: Micros;
  /** What its snapshot says; undefined when the stream had none. */
  readonly snapshot?: { readonly seq: number; readonly root: Uint8Array } | undefined;
};

/** Path of the trust state of the stream at `streamPath`. */
export function trustPathOf(streamPath: string): string {
  return `${streamPath}.trust`;
}

/**
 * Reads the trust state.
 *
 * @returns undefined where there is none
 * @throws {DrayerError} STREAM_INVALID when there is one that cannot be understood: to go on without
 *   it would be to forget what it protects from
 */
export function readTrust(path: string): Trust | undefined {
  const text = readTextIfThere(path, 'the trust state');
  if (text === undefined) return undefined;
  const trust = parseTrust(text);
  if (trust !== undefined) return trust;
  throw new DrayerError('STREAM_INVALID', `${path}: expected a trust state, got something else`, {
    hint: 'delete this file only if you accept that the mirror may be shown an older state once',
  });
}

/** Writes the trust state; it is on disk when this returns. */
export function writeTrust(path: string, trust: Trust): void {
  const { tip, snapshot } = trust;
  const seen = snapshot && { seq: snapshot.seq, root: Buffer.from(snapshot.root).toString('hex') };
  try {
    replaceSynced(path, `${JSON.stringify({ tip, ...seen })}\n`, 0o600);
  } catch (cause) {
    throw fileError(path, 'cannot write the trust state', cause);
  }
}

/**
 * Compares what lies there with what was seen (R22): one `seq` with two roots. The other one is not here any
 * more, so there is no proof for others.
 *
 * @throws {DrayerError} TWO_HISTORIES when they are of two histories
 */
export function checkHistory(
  path: string,
  { snapshot }: Generation,
  trust: Trust | undefined,
): void {
  const seen = trust?.snapshot;
  if (snapshot === undefined || snapshot.seq !== seen?.seq) return;
  if (bytesEqual(snapshot.root, seen.root)) return;
  const message = `${path}: its generation ${snapshot.seq} is another than the one that was complete here before`;
  throw new DrayerError('TWO_HISTORIES', message, {
    hint: `the file was replaced by a copy of another history: put the right one back, or ask the publisher which one holds and remove ${trustPathOf(path)}`,
  });
}

/** Whether a generation is newer than the newest that was seen. */
export function isNewer(generation: Generation, trust: Trust | undefined): boolean {
  if (trust === undefined) return true;
  const isBehind = (generation.snapshot?.seq ?? 0) < (trust.snapshot?.seq ?? 0);
  return generation.tip > trust.tip && !isBehind;
}

function parseTrust(text: string): Trust | undefined {
  const fields = parseJson(text);
  if (typeof fields !== 'object' || fields === null) return undefined;
  const { tip, seq, root } = fields as { [name in 'tip' | 'seq' | 'root']?: unknown };
  if (!isCount(tip)) return undefined;
  if (seq === undefined && root === undefined) return { tip };
  if (!isCount(seq) || typeof root !== 'string' || !/^[0-9a-f]{64}$/.test(root)) return undefined;
  return { tip, snapshot: { seq, root: new Uint8Array(Buffer.from(root, 'hex')) } };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
