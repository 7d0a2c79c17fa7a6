/** What `drayer publish` says: the changes, the counts, the key that was made, what to do next. */
import { relative } from 'node:path';
import type { PublishedSite, Site } from '../../daemon/publish-site.ts';
import type { PushReport } from '../../mirror/push-stream.ts';
import type { SiteReport } from '../../publish/publish-report.ts';
import { streamPathOf } from '../../publish/site-directory.ts';
import type { Skipped } from '../../publish/walk-place.ts';
import type { GlancedGeneration } from '../../store/glance.ts';
import { markPathOfKey } from '../../store/mark.ts';
import { hasFile } from '../../store/stream-file.ts';
import { bytes, number, shellWord } from '../format.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';
import type { PublishFlags } from './publish.ts';

/** What was published, or found to be as it was, as far as anybody is told of it. */
export type ToldSite = Pick<
  PublishedSite,
  'streamPath' | 'id' | 'publicKey' | 'gitignoreUpdated' | 'servers' | 'push'
> & {
  readonly newKeyPath?: string | undefined;
  readonly report: SiteReport<GlancedGeneration>;
};

/** Tells that a key was made, which nothing can make again. */
export function sayNewKey({ terminal }: Session, path: string): void {
  terminal.say(`made a key: ${path}`);
  terminal.say(
    `copy it to a safe place now, and ${markPathOfKey(path)} with it: only this key can change this site, and nobody can make it again`,
  );
  terminal.say('a copy on paper: drayer key backup');
}

const MOST_LISTED = 20;

/** Prints a line for each change, of the first `most`. */
export function printChanges({ terminal }: Session, { report }: ToldSite, most: number): void {
  const { added, changed, removed } = report;
  const lines = [
    ...added.map((key) => terminal.paint('green', `  + ${visible(key)}`)),
    ...changed.map((key) => terminal.paint('yellow', `  ~ ${visible(key)}`)),
    ...removed.map((key) => terminal.paint('red', `  - ${visible(key)}`)),
  ];
  for (const line of lines.slice(0, most)) terminal.print(line);
  if (lines.length > most) terminal.print(`  and ${number(lines.length - most)} more`);
}

/** `2 added, 1 removed, 14 unchanged`. */
export function counts({ report }: ToldSite): string {
  const { added, changed, removed, unchanged } = report;
  const parts = [
    [added.length, 'added'],
    [changed.length, 'changed'],
    [removed.length, 'removed'],
    [unchanged, 'unchanged'],
  ] as const;
  const said = parts.filter(([n]) => n > 0).map(([n, word]) => `${number(n)} ${word}`);
  return said.length === 0 ? 'no files' : said.join(', ');
}

/** Prints what a publish did. */
export function printResult(session: Session, site: Site, published: ToldSite): void {
  const { terminal } = session;
  const { report, id, newKeyPath, gitignoreUpdated } = published;
  const { wrote, generation, bytesStored, skipped } = report;
  if (wrote) printChanges(session, published, MOST_LISTED);
  const folder = relative('.', site.directory) || '.';
  const seq = generation.snapshot === undefined ? '' : `, generation ${generation.snapshot.seq}`;
  terminal.print(
    wrote
      ? `published ${folder}: ${counts(published)}, ${bytes(bytesStored)} stored${seq}`
      : `nothing to publish: ${folder} is as it was${seq} (${counts(published)})`,
  );
  terminal.print(`stream ${id}`);
  if (published.servers !== undefined) terminal.say(`it ${namesServers(published.servers)}`);
  sayLeftOut(session, skipped);
  if (newKeyPath !== undefined) sayNewKey(session, newKeyPath);
  if (gitignoreUpdated !== undefined)
    terminal.say(`keeps stream and key out of git: ${gitignoreUpdated}`);
}

/** `names its servers: …`. */
export function namesServers(servers: readonly string[]): string {
  return `names its servers: ${servers.join(', ') || 'none'}`;
}

/** What its owner left out is no news, but how much of it there is; the rest is named. */
function sayLeftOut({ terminal }: Session, skipped: readonly Skipped[]): void {
  const others = skipped.filter(({ reason }) => !reason.startsWith('ignored'));
  for (const { path, reason } of others.slice(0, MOST_LISTED)) {
    terminal.say(`left out ${path}: ${reason}`);
  }
  const more = others.length - MOST_LISTED;
  if (more > 0) terminal.say(`left out ${number(more)} more`);
  const ignored = skipped.filter(({ reason }) => reason.startsWith('ignored'));
  if (ignored.length === 0) return;
  const names = ignored.slice(0, 3).map(({ path }) => path);
  if (ignored.length > names.length) names.push('…');
  terminal.say(`left out what is ignored: ${names.join(', ')} (${number(ignored.length)})`);
}

/**
 * Prints where to look at it.
 *
 * @param served - where the daemon serves it, if it does
 */
export async function printNextStep(
  session: Session,
  { publicKey, streamPath, push }: ToldSite,
  served: string | undefined,
): Promise<void> {
  const { terminal, signal } = session;
  if (push !== undefined) {
    printPush(session, push);
    return;
  }
  const { port, mount } = await session.settings();
  // An HTTP client is a tenth of what a publish of nothing loads; --json does without.
  const { findServer } = await import('../../daemon/find-server.ts');
  const address = served ?? (publicKey && (await findServer(publicKey, { port, mount, signal })));
  if (address !== undefined) {
    terminal.print(`it is being served: ${terminal.paint('cyan', address)}`);
    return;
  }
  const [configured, ...others] = (await session.config()).streams;
  // With a config, serve without a name serves what that names, which need not be this.
  const isConfigured =
    configured?.directory !== undefined &&
    others.length === 0 &&
    (configured.path ?? streamPathOf(configured.directory)) === streamPath;
  const argument = isConfigured ? '' : ` ${shellWord(relative('.', streamPath) || streamPath)}`;
  terminal.print(`look at it: drayer serve${argument}`);
}

function printPush({ terminal }: Session, push: PushReport): void {
  const { url, resumed, uploaded, lockWritten, warnings, wrote } = push;
  if (resumed) terminal.say('a publish that was cut off was finished first');
  for (const warning of warnings) terminal.complain('warning', warning);
  if (lockWritten !== undefined) {
    terminal.say(`commit ${relative('.', lockWritten)}: it says what was published last`);
  }
  const sent = wrote ? ` (${number(uploaded)} ${uploaded === 1 ? 'value' : 'values'} sent)` : '';
  terminal.print(`it is on ${terminal.paint('cyan', url)}${sent}`);
}

/** The same for machines. */
export function jsonResult(site: Site, published: ToldSite, flags: PublishFlags): object {
  const { push } = published;
  const { streamPath, id, newKeyPath, gitignoreUpdated, servers, report } = published;
  const { generation, ...rest } = report;
  const { tip, count: records, snapshot } = generation;
  return {
    directory: site.directory,
    stream: push === undefined || hasFile(streamPath) ? streamPath : undefined,
    to: push?.url,
    resumed: push?.resumed,
    lock: push?.lockWritten,
    warnings: push?.warnings,
    id,
    newKeyPath,
    gitignoreUpdated,
    servers,
    dryRun: Boolean(flags.dryRun || flags.diff),
    ...rest,
    seq: snapshot?.seq,
    root: snapshot && Buffer.from(snapshot.root).toString('hex'),
    tip,
    records,
  };
}
