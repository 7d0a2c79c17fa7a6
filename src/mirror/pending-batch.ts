/**
 * A batch that was signed and is not known to be taken: on disk, whole, before its first byte leaves
 * (R11), so that whatever happens the very same bytes are sent again and nothing else is ever signed
 * in their place.
 */

import { readFileSync, rmSync } from 'node:fs';
import { hash } from '#crypto';
import { DrayerError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { bytesEqual, type Micros } from '../core/record.ts';
import { fileError, isErrno, replaceSynced, syncDirectory } from '../store/durable-file.ts';
import { removeKeptValues } from './pending-values.ts';
import type { PushPlace } from './push-place.ts';

/** A signed batch, and where it belongs. */
export type PendingBatch = {
  /** The server it was made for. */
  readonly url: string;
  /** The modified tip it goes on. */
  readonly expect: Micros;
  /** What the stream is with it. */
  readonly tip: Micros;
  readonly idTip: number;
  readonly seq: number;
  readonly root: Uint8Array;
  /** What is sent. */
  readonly body: Uint8Array;
};

/**
 * Writes a batch; it is on disk when this returns.
 *
 * @throws {DrayerError} STORAGE_FAILED
 */
export function writePending(path: string, batch: PendingBatch): void {
  const { body, root, ...numbers } = batch;
  const head = { v: 1, ...numbers, root: hex(root), hash: hex(hash(body)) };
  try {
    replaceSynced(path, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), body]), 0o600);
  } catch (cause) {
    throw fileError(path, 'cannot write the signed batch; it was not sent', cause);
  }
}

/**
 * Reads the batch that is there.
 *
 * @returns undefined where there is none
 * @throws {DrayerError} STORAGE_FAILED when it is there and not whole, or cannot be read
 */
export function readPending(path: string): PendingBatch | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return undefined;
    throw fileError(path, 'cannot read the signed batch', cause);
  }
  const end = bytes.indexOf(0x0a);
  const head = end < 0 ? undefined : parseHead(bytes.subarray(0, end));
  const body = bytes.slice(end + 1);
  if (head !== undefined && hex(hash(body)) === head.hash) {
    const { url, expect, tip, idTip, seq } = head;
    return { url, expect, tip, idTip, seq, root: unhex(head.root), body };
  }
  throw new DrayerError('STORAGE_FAILED', `${path}: expected a signed batch, got something else`, {
    hint: 'a batch is written whole or not at all, so something else has changed this file; compare the server with drayer.lock before you remove it',
  });
}

/** Destroys a batch and what it brings; it is gone from the disk when this returns. */
export function destroyPending({ batchPath, valuesPath }: PushPlace): void {
  rmSync(batchPath, { force: true });
  syncDirectory(batchPath);
  removeKeptValues(valuesPath);
}

/** Tells whether a server's state is the one a batch makes. */
export function isTaken(
  { tip, seq, root }: PendingBatch,
  held: { readonly tip: Micros; readonly snapshot?: { seq: number; root: Uint8Array } | undefined },
): boolean {
  const { snapshot } = held;
  return held.tip === tip && snapshot?.seq === seq && bytesEqual(snapshot.root, root);
}

type Head = Pick<PendingBatch, 'url' | 'expect' | 'tip' | 'idTip' | 'seq'> & {
  readonly root: string;
  readonly hash: string;
};

function parseHead(bytes: Uint8Array): Head | undefined {
  const value = parseJsonObject(Buffer.from(bytes).toString('utf8'));
  if (value === undefined) return undefined;
  const fields = value as Partial<{ [name in keyof Head | 'v']: unknown }>;
  const { v, url, expect, tip, idTip, seq, root, hash: digest } = fields;
  const isCounted = [expect, tip, idTip, seq].every((n) => Number.isSafeInteger(n));
  const isHex = [root, digest].every((one) => /^[0-9a-f]{64}$/.test(String(one)));
  if (v !== 1 || typeof url !== 'string' || !isCounted || !isHex) return undefined;
  return {
    url,
    expect: Number(expect),
    tip: Number(tip),
    idTip: Number(idTip),
    seq: Number(seq),
    root: String(root),
    hash: String(digest),
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function unhex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}
