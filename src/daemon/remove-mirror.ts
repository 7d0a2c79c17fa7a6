/**
 * Removing a whole mirror. Only what is a copy beyond doubt is removed: never a stream whose key is
 * here, nor one that was pushed here, which may be the only one there is.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { syncDirectory } from '../store/durable-file.ts';
import { forkProofPathOf } from '../store/fork-proof.ts';
import { keyPathOf } from '../store/key-file.ts';
import { markPathOf } from '../store/mark.ts';
import { receiptsPathOf } from '../store/push-receipts.ts';
import { hasFile } from '../store/stream-file.ts';
import { trustPathOf } from '../store/trust.ts';
import { keptPathOf } from './kept-mirrors.ts';
import { readStreamId } from './stream-facts.ts';

/** What {@link removeMirrorFiles} is told besides. */
export type RemoveMirrorOptions = {
  /** Called when it is sure that it will be removed: whoever has it open closes it here. */
  readonly before?: (() => void) | undefined;
};

/** What was removed. */
export type RemovedMirror = {
  readonly path: string;
  /** Freed. */
  readonly bytes: number;
};

/**
 * Removes the files of a mirror. What was seen of its newest state stays (`.trust`), and a proof that its
 * key has signed two histories (`.fork`): who mirrors it again is not shown an older state. The rest is gone
 * from the disk when this returns.
 *
 * @param publicKey - whose stream it should be
 * @throws {DrayerError} STREAM_NOT_FOUND when there is none; STREAM_READ_ONLY when it is no mirror
 */
export function removeMirrorFiles(
  path: string,
  publicKey: Uint8Array,
  { before }: RemoveMirrorOptions = {},
): RemovedMirror {
  const id = formatStreamId(publicKey);
  if (!hasFile(path) && !existsSync(keptPathOf(path))) {
    throw new DrayerError('STREAM_NOT_FOUND', `${id}: there is no mirror of it here`, {
      hint: 'drayer list shows what there is',
    });
  }
  checkIsMirror(path, publicKey);
  before?.();
  const files = filesOf(path);
  const bytes = files.reduce((sum, file) => sum + sizeOf(file), 0);
  for (const file of files) rmSync(file, { force: true, recursive: true });
  // Nor is it back after a power cut.
  syncDirectory(path);
  return { path, bytes };
}

/** Removes what a fetch has left of a stream that was never here; anything else stays. */
export function removeRemains(path: string): void {
  const owned = [path, keyPathOf(path), markPathOf(path), receiptsPathOf(path), keptPathOf(path)];
  if (owned.some((one) => existsSync(one))) return;
  for (const file of filesOf(path)) rmSync(file, { force: true, recursive: true });
}

function checkIsMirror(path: string, publicKey: Uint8Array): void {
  if (hasFile(path) && !bytesEqual(readStreamId(path).publicKey, publicKey)) {
    throw refused(path, `is another stream than ${formatStreamId(publicKey)}`);
  }
  if (existsSync(keyPathOf(path)) || existsSync(markPathOf(path))) {
    throw refused(path, 'is an own stream: its key is here, or was');
  }
  if (existsSync(receiptsPathOf(path))) {
    throw refused(path, 'was pushed here, so this may be the only copy');
  }
  if (existsSync(trustPathOf(path)) || existsSync(keptPathOf(path))) return;
  throw refused(path, 'was not made by drayer mirror');
}

function refused(path: string, why: string): DrayerError {
  return new DrayerError('STREAM_READ_ONLY', `${path}: nothing was removed: it ${why}`, {
    hint: 'only mirrors are removed; delete the file by hand if you are sure',
  });
}

/** In the order in which they go: a log without its file is harmful, a file without its log only old. */
function filesOf(path: string): string[] {
  const stays = new Set([trustPathOf(path), forkProofPathOf(path)]);
  const name = basename(path);
  const folder = dirname(path);
  const found = readdirSync(folder)
    .filter((one) => one === name || one.startsWith(`${name}-`) || one.startsWith(`${name}.`))
    .map((one) => join(folder, one))
    .filter((one) => !stays.has(one));
  const first = [keptPathOf(path), `${path}-wal`, `${path}-shm`, `${path}-journal`, path];
  return [
    ...first.filter((one) => found.includes(one)),
    ...found.filter((one) => !first.includes(one)),
  ];
}

/** Of a folder, with what is in it. */
function sizeOf(path: string): number {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true) return found?.size ?? 0;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
