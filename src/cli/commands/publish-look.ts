/** `drayer publish` for who looks before: what would change, and whether links are broken. */
import { relative } from 'node:path';
import type { PublishedSite, Site } from '../../daemon/publish-site.ts';
import type { LinkReport } from '../../publish/link-check.ts';
import type { FileChange } from '../../publish/site-changes.ts';
import { bytes, count, table } from '../format.ts';
import type { Session } from '../session.ts';
import { type Style, visible } from '../terminal.ts';
import { counts, namesServers, printChanges } from './publish-output.ts';

/** Warns of broken links; says that there are none where somebody asked. */
export async function printLinks(
  { terminal }: Session,
  report: LinkReport,
  isAsked: boolean,
): Promise<void> {
  if (report.broken.length === 0) {
    const looked = `${count(report.links, 'link')} in ${count(report.pages, 'file')}`;
    if (isAsked) terminal.say(`checked ${looked}: none is broken`);
    return;
  }
  const { describeLinks } = await import('../../publish/link-guard.ts');
  terminal.complain('warning', describeLinks(report));
}

/** Prints what a publish would change: a list, with `--diff` a table with the sizes. */
export function printDryRun(session: Session, site: Site, published: PublishedSite): void {
  const { terminal } = session;
  const { changes } = published.report;
  if (changes === undefined) printChanges(session, published, Number.POSITIVE_INFINITY);
  else for (const line of sizeLines(session, changes)) terminal.print(line);
  const folder = relative('.', site.directory) || '.';
  const { servers } = published;
  const named = servers === undefined ? '' : `; the stream ${namesServers(servers)}`;
  terminal.print(
    `nothing was written; publishing ${folder} would mean: ${counts(published)}${named}`,
  );
}

const MARKS = {
  added: ['+', 'green'],
  changed: ['~', 'yellow'],
  removed: ['-', 'red'],
} as const satisfies Record<FileChange['change'], readonly [string, Style]>;

function sizeLines({ terminal }: Session, changes: readonly FileChange[]): string[] {
  const rows = changes.map(({ path, change, before, after }) => {
    const arrow = before === undefined || after === undefined ? '' : '→';
    return [MARKS[change][0], sizeOf(before), arrow, sizeOf(after), visible(path)];
  });
  return table(rows, [1, 3]).map((line, i) => {
    const change = changes[i]?.change ?? 'changed';
    return terminal.paint(MARKS[change][1], `  ${line}`);
  });
}

function sizeOf(size: number | undefined): string {
  return size === undefined ? '' : bytes(size);
}
