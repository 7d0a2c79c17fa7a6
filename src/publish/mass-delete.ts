/** Stops a publish that would empty a site: a failed build, a disk that is not mounted, the wrong folder. */
import { DrayerError } from '../core/errors.ts';

/** Up to so many files may always go. */
const FEW_FILES = 10;

/** What {@link checkMassDelete} judges by. */
export type MassDeleteCounts = {
  /** Files the stream holds. */
  readonly held: number;
  /** Of those, how many would go. */
  readonly removed: number;
  /** Files on disk. */
  readonly found: number;
};

/**
 * Refuses to empty a stream, or to take more than half of its files when that is more than ten.
 *
 * @throws {DrayerError} MASS_DELETE
 */
export function checkMassDelete({ held, removed, found }: MassDeleteCounts): void {
  const isEmptied = found === 0 && held > 0;
  const isMost = removed > FEW_FILES && removed > held / 2;
  if (!isEmptied && !isMost) return;
  const message = isEmptied
    ? `the directory has no files; publishing it would delete all ${held} of the stream`
    : `${removed} of the stream's ${held} files are not in the directory; publishing would delete them`;
  throw new DrayerError('MASS_DELETE', message, {
    hint: 'check the directory; if this is meant, publish again with --allow-mass-delete',
  });
}
