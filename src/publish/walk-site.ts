/** The walk of a whole site: the one that was begun beforehand, or one made now. */
import { type BegunWalk, type TakeOptions, walkOrder } from './begun-walk.ts';
import { type IgnoreOptions, makeIgnoreRules } from './ignore-rules.ts';
import { type Walk, type WalkOptions, walkDirectory } from './walk.ts';

/** What {@link walkSite} is told besides what to leave out. */
export type WalkSiteOptions = Omit<WalkOptions, 'rules'> &
  TakeOptions & {
    /** Used where it has begun with the same directory and rules. */
    readonly begun?: BegunWalk | undefined;
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
  { begun, signal, onFile, onThread }: WalkSiteOptions,
): Promise<Walk> {
  const walk = await begun?.take(walkOrder(root, ignore), { signal, onFile, onThread });
  return walk ?? walkDirectory(root, { rules: makeIgnoreRules(ignore), signal, onFile });
}
