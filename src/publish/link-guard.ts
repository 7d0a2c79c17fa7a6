/** Decides what broken links mean for a publish: nothing, a report, or that it does not happen. */
import { DrayerError } from '../core/errors.ts';
import type { BrokenLink, LinkCheckOptions, LinkReport } from './link-check.ts';
import type { Walk } from './walk.ts';

/** Options of {@link checkSiteLinks}. */
export type LinkGuardOptions = LinkCheckOptions & {
  /** Whether a broken link stops the publish. */
  readonly checkLinks: 'warn' | 'error';
};

const MOST_LISTED = 30;

/**
 * Checks the links of a site as it will be.
 *
 * @throws {DrayerError} LINKS_BROKEN when there is a broken one and that is an error
 * @throws {DrayerError} ABORTED when the signal says so
 */
export async function checkSiteLinks(walk: Walk, options: LinkGuardOptions): Promise<LinkReport> {
  // Loaded only now: parsers of HTML and CSS are more than all the rest of a publish.
  const { checkLinks } = await import('./link-check.ts');
  const report = await checkLinks(walk, options);
  if (options.checkLinks === 'error' && report.broken.length > 0) {
    throw new DrayerError('LINKS_BROKEN', `nothing was published: ${describeLinks(report)}`, {
      hint: 'mend them, or publish with --check-links=warn',
      details: { links: report },
    });
  }
  return report;
}

/** Describes the broken links of a site: a sentence, then one line each, the first thirty. */
export function describeLinks({ broken }: LinkReport): string {
  const files = new Set(broken.map(({ page }) => page)).size;
  const links = broken.length === 1 ? 'a broken link' : `${broken.length} broken links`;
  const lines = broken.slice(0, MOST_LISTED).map(lineOf);
  const more = broken.length - lines.length;
  if (more > 0) lines.push(`and ${more} more; --json lists them all`);
  return `${links} in ${files === 1 ? 'a file' : `${files} files`}:\n${lines.join('\n')}`;
}

// One line each: an address with a line break in it must not look like two.
function lineOf({ page, line, link, why }: BrokenLink): string {
  const shown = link.length > 100 ? `${link.slice(0, 100)}…` : link;
  return `${page}:${line}: ${shown} → ${why}`.replaceAll('\n', '\\x0a');
}
