/** A look at a site's links, where its owner wants one; what it takes is loaded only then. */
import { MAX_FILE_BYTES } from '../files/site-path.ts';
import type { LinkReport } from './link-check.ts';
import type { PublishOptions } from './publish-once.ts';
import type { Walk } from './walk.ts';

/**
 * Looks at the links of what is about to be published.
 *
 * @returns undefined where nobody asked
 * @throws {DrayerError} LINKS_BROKEN when one is broken and `checkLinks` is `error`
 */
export async function linksOf(
  walk: Walk,
  publicKey: Uint8Array,
  options: Pick<PublishOptions, 'checkLinks' | 'signal' | 'maxFileBytes'>,
): Promise<LinkReport | undefined> {
  const { checkLinks, signal, maxFileBytes = MAX_FILE_BYTES } = options;
  if (checkLinks === undefined) return undefined;
  const { checkSiteLinks } = await import('./link-guard.ts');
  return checkSiteLinks(walk, { checkLinks, publicKey, maxFileBytes, signal });
}
