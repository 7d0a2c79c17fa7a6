/**
 * Makes a stream equal to a directory: walk, compare, read and encode what is in doubt, then one commit
 * (R9, R11, R24). Nothing is half published: what is wrong with one file stops the whole.
 */
import { DrayerError } from '../core/errors.ts';
import type { Stream } from '../store/stream.ts';
import { readHeldFiles, readHeldSite, remember } from './held-site.ts';
import { type PublishOptions, publishOnce, type SiteSource } from './publish-once.ts';
import type { PublishReport } from './publish-report.ts';
import { resolveSiteDirectory } from './site-directory.ts';
import { ownFilesOf } from './stream-files.ts';
import { walkSite } from './walk-site.ts';

export type { PublishOptions, PublishReport };

const ATTEMPTS = 3;

/**
 * Makes the file records of a stream equal to a directory.
 *
 * A file whose stamp has not changed is not read; one whose content has not changed keeps its value
 * (R24). A second run with nothing changed writes and signs nothing.
 *
 * @throws {DrayerError} DIRECTORY_NOT_FOUND when there is no such directory
 * @throws {DrayerError} MASS_DELETE when the stream would lose most of its files, unless allowed
 * @throws {DrayerError} SECRET_IN_SITE, CREDENTIAL_IN_SITE, TOO_LARGE, PATH_INVALID, FILE_UNREADABLE or
 *   FILE_CHANGING naming all files that cannot be published; nothing was then
 * @throws {DrayerError} LINKS_BROKEN when there are broken links and options say that this is an error
 * @throws {DrayerError} STREAM_BUSY when others kept changing the stream meanwhile
 * @throws {DrayerError} ABORTED when the signal says so; nothing was published
 * @example
 * const report = await publishDirectory('./public', stream);
 */
export async function publishDirectory(
  directory: string,
  stream: Stream,
  options: PublishOptions = {},
): Promise<PublishReport> {
  const root = resolveSiteDirectory(directory);
  // Says at once why a stream cannot be written, not after reading the whole site. A dry run is refused
  // where the publish would be; without the key it compares all the same.
  if (stream.writable === (options.dryRun ?? false)) stream.commit({ puts: [], deletes: [] });
  return publishPersistently(stream, wholeSite(root, stream, options), options);
}

/**
 * Publishes, and compares anew where others changed the stream meanwhile (R11).
 *
 * @throws {DrayerError} what {@link publishDirectory} throws
 */
export async function publishPersistently(
  stream: Stream,
  site: SiteSource,
  options: PublishOptions,
): Promise<PublishReport> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const report = await publishOnce(stream, site, options);
    if (report !== undefined) return renewed(stream, report, options);
  }
  const message = `${stream.path}: another program keeps changing this stream`;
  throw new DrayerError('STREAM_BUSY', message, { hint: 'publish again when it has finished' });
}

// R20: nothing has changed, and that is news for who would call it stale soon.
function renewed(stream: Stream, report: PublishReport, { dryRun }: PublishOptions): PublishReport {
  if (report.wrote || dryRun || !stream.renewSnapshot()) return report;
  return { ...report, wrote: true, generation: stream.reader.generation() };
}

/** A site of which nothing is known yet but what the stream remembers. */
function wholeSite(root: string, stream: Stream, options: PublishOptions): SiteSource {
  return {
    readHeld: () => readHeldSite(stream),
    readFiles: () => readHeldFiles(stream),
    walk: (sink) => {
      const { ignore: patterns, signal, begun } = options;
      const ownFiles = ownFilesOf(stream.path);
      return walkSite(root, { patterns, ownFiles }, { ...sink, begun, signal });
    },
    remember: (done) => remember(stream, done),
  };
}
