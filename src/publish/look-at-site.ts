/**
 * The first look of a publish: is the site still what the stream holds? Mostly it is, and then nothing
 * else has to be loaded, opened or compared.
 */
import { MAX_FILE_BYTES } from '../files/site-path.ts';
import { type GlancedGeneration, glanceAt } from '../store/glance.ts';
import { type BegunWalk, finishedWalk, walkOrder } from './begun-walk.ts';
import { addToGitignore } from './gitignore.ts';
import { makeIgnoreRules } from './ignore-rules.ts';
import { digestListing } from './listing.ts';
import { reportUnchanged, type SiteReport } from './publish-report.ts';
import { checkSiteFolder, resolveBeside, resolveSiteDirectory } from './site-directory.ts';
import { sumUpDirectory } from './walk.ts';

/** A site, and how it is published. */
export type LookOptions = {
  /** `NAME.stream` beside the directory by default. */
  readonly streamPath?: string | undefined;
  /** Patterns of what is left out, as of a publish. */
  readonly ignore?: readonly string[] | undefined;
  /** Bytes; 64 MiB by default. */
  readonly maxFileBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** A site in which nothing has changed. */
export type UnchangedSite = {
  /** Absolute. */
  readonly streamPath: string;
  /** Base64. */
  readonly id: string;
  readonly publicKey: Uint8Array;
  readonly report: SiteReport<GlancedGeneration>;
  /** The .gitignore that was changed or made. */
  readonly gitignoreUpdated: string | undefined;
};

/** What {@link lookAtSite} found: nothing to do, or a walk for whoever does it. */
export type SiteLook =
  | { readonly unchanged: UnchangedSite; readonly begun?: undefined }
  | { readonly unchanged?: undefined; readonly begun: BegunWalk };

/**
 * Looks at a site.
 *
 * @returns undefined where it has to be published in full, and was not looked at
 * @throws {DrayerError} DIRECTORY_NOT_FOUND, USAGE as a publish does; ABORTED when the signal says so
 */
export async function lookAtSite(
  directory: string,
  { streamPath: given, ignore: patterns, maxFileBytes = MAX_FILE_BYTES, signal }: LookOptions,
): Promise<SiteLook | undefined> {
  const root = resolveSiteDirectory(directory);
  const streamPath = given === undefined ? `${root}.stream` : resolveBeside(given);
  checkSiteFolder(root, streamPath);
  const glance = glanceAt(streamPath);
  if (glance === undefined) return undefined;

  const order = walkOrder(root, { patterns });
  const walk = await sumUpDirectory(root, { rules: makeIgnoreRules(order.ignore), signal });
  const { listing, largest, count } = walk.summary;
  const isSame = walk.faults.length === 0 && largest <= maxFileBytes;
  if (!isSame || digestListing(listing) !== glance.digest) {
    return { begun: finishedWalk(order, walk) };
  }
  const { id, publicKey, generation } = glance;
  const report = reportUnchanged(count, walk.skipped, generation);
  const gitignoreUpdated = addToGitignore(streamPath);
  return { unchanged: { streamPath, id, publicKey, report, gitignoreUpdated } };
}
