/** What `drayer mirror` notes beside a mirror, so that a daemon keeps it up to date. */
import { DrayerError } from '../../core/errors.ts';
import { type KeptMirror, MOST_SOURCES, readKept, writeKept } from '../../daemon/kept-mirrors.ts';
import type { HeldMirror } from '../../mirror/find-mirror.ts';
import type { Quota } from '../../mirror/session.ts';
import { parseSize } from '../parse-size.ts';

/** Flags that say how a mirror is kept. */
export type KeepFlags = {
  /** Hold it, but do not serve it. */
  readonly hold?: boolean | undefined;
  /** As typed: a size, or `none`. */
  readonly quota?: string | undefined;
  /** More sources, beside the first. */
  readonly from?: readonly string[] | undefined;
};

/** Notes where a mirror came from, and how it is to be kept; what is not said stays as it was. */
export function keepMirror({ path, id }: HeldMirror, url: string, flags: KeepFlags): KeptMirror {
  const before = readKept(path);
  const quota = quotaOf(flags) ?? before?.quota;
  const kept: KeptMirror = {
    path,
    id,
    urls: [...new Set([url, ...(flags.from ?? []), ...(before?.urls ?? [])])].slice(
      0,
      MOST_SOURCES,
    ),
    isHidden: flags.hold ?? before?.isHidden ?? false,
    quota: quota !== undefined && Object.keys(quota).length > 0 ? quota : undefined,
  };
  writeKept(kept);
  return kept;
}

/**
 * Reads a quota as a person types it: `500MB`, `2 GB`, `none`.
 *
 * @returns undefined where none is given; an empty one for `none`
 * @throws {DrayerError} USAGE for anything else
 */
export function quotaOf({ quota: text }: KeepFlags): Quota | undefined {
  if (text === undefined) return undefined;
  if (text === 'none') return {};
  const bytes = parseSize(text);
  if (bytes !== undefined) return { bytes };
  throw new DrayerError('USAGE', `--quota: expected a size, got ${JSON.stringify(text)}`, {
    hint: 'such as 500MB or 2GB; none lifts it',
  });
}
