/**
 * The most a mirror takes of one stream (R19): while it comes, no more than the quota is fetched; before it
 * is shown, the whole of it, with what was held before, fits in.
 */
import { statSync } from 'node:fs';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { nameOfHash } from '../store/hash-name.ts';
import type { MirrorStore } from '../store/mirror-store.ts';
import type { Quota, Session } from './session.ts';

type Bounded = Pick<Session, 'store' | 'quota' | 'source'>;

/** Tells whether an error is of a quota here, and not of a source that sends too much. */
export function isOverQuota(error: unknown): error is DrayerError {
  return isDrayerError(error, 'TOO_LARGE') && error.details?.['isOverQuota'] === true;
}

/**
 * Checks what has been staged so far.
 *
 * @throws {DrayerError} TOO_LARGE
 */
export function checkStaged({ store, quota, source }: Bounded): void {
  const { records = Number.POSITIVE_INFINITY, bytes = Number.POSITIVE_INFINITY } = quota;
  if (store.view.count() <= records && store.staged.bytes <= bytes) return;
  throw tooLarge(source.url, quota);
}

/**
 * Checks the whole generation that has been staged.
 *
 * @throws {DrayerError} TOO_LARGE
 */
export function checkWhole({ store, quota, source }: Bounded): void {
  const { bytes } = quota;
  if (bytes === undefined || store.visible === undefined) return;
  // The file is never smaller than the values in it: most often there is nothing to add up.
  const most = statSync(store.path, { throwIfNoEntry: false })?.size ?? 0;
  const held = most + store.staged.bytes > bytes ? keptBytes(store) : 0;
  if (held + store.staged.bytes > bytes) throw tooLarge(source.url, quota);
}

/** Bytes of the values of the visible generation that the staged one has too. */
function keptBytes({ visible, view, base }: MirrorStore): number {
  const { removed, puts } = view.changed();
  const changed = new Set([...removed, ...puts.map(({ id }) => id)]);
  const named = new Set(puts.map(({ hash }) => nameOfHash(hash)));
  let bytes = 0;
  for (const record of visible?.entries() ?? []) {
    // A value of a record that was renamed, or touched, is not fetched again.
    const isKept = named.has(nameOfHash(record.hash)) || !changed.has(record.id);
    const isUnder = base.kind === 'next' || named.has(nameOfHash(record.hash));
    if (isKept && isUnder) bytes += visible?.valueSize(record) ?? 0;
  }
  return bytes;
}

/**
 * The error for more than the quota.
 *
 * @param where - URL of the source, or path of what is here
 */
export function tooLarge(where: string, { records, bytes }: Quota): DrayerError {
  const limits = [
    ...(bytes === undefined ? [] : [`${bytes} bytes`]),
    ...(records === undefined ? [] : [`${records} records`]),
  ];
  const message = `${where}: the stream is larger than its quota here (${limits.join(', ')})`;
  return new DrayerError('TOO_LARGE', message, {
    hint: 'drayer mirror URL --quota SIZE raises it; what is visible stays',
    details: { isOverQuota: true },
  });
}
