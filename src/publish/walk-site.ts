/** The walk of a whole site: the one that was begun beforehand, or one made now. */
import { type IgnoreOptions, makeIgnoreRules } from './ignore-rules.ts';
import { type Walk, type WalkOptions, walkDirectory } from './walk.ts';
import { type Walker, walkOrder } from './walker.ts';

/** What {@link walkSite} is told besides what to leave out. */
export type WalkSiteOptions = Omit<WalkOptions, 'rules'> & {
  /** Used where it has begun with the same directory and rules. */
  readonly walker?: Walker | undefined;
};

/**
 * Walks a site.
 *
 * @param root - absolute, no symbolic link in it
 * @throws {DrayerError} ABORTED when the signal says so
 */
export async function walkSite(
  root: string,
  ignore: IgnoreOptions,
  { walker, signal, onFile }: WalkSiteOptions,
): Promise<Walk> {
  const begun = await walker?.take(walkOrder(root, ignore), signal);
  if (begun === undefined) {
    return walkDirectory(root, { rules: makeIgnoreRules(ignore), signal, onFile });
  }
  if (onFile !== undefined) begun.files.forEach(onFile);
  return begun;
}
