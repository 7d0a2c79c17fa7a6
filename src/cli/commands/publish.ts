/** `drayer publish [dir]`: folder in, signed stream out, and what to do with it. */
import { relative } from 'node:path';
import { EXIT } from '../../core/errors.ts';
import { chooseSites } from '../../daemon/choose-sites.ts';
import { givenKey, type PublishedSite, publishSite, type Site } from '../../daemon/publish-site.ts';
import { markPathOfKey } from '../../store/mark.ts';
import { bytes, count, number, shellWord } from '../format.ts';
import { startProgress } from '../progress.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';
import { keepYoungGenerationSmall } from '../young-generation.ts';

/** Flags of `drayer publish`. */
export type PublishFlags = {
  readonly stream?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly allowMassDelete?: boolean | undefined;
  readonly unusedKey?: boolean | undefined;
};

/** Publishes a folder, or every folder that the config names. */
export async function publish(
  session: Session,
  directory: string | undefined,
  flags: PublishFlags,
): Promise<number> {
  const config = await session.config();
  const sites = chooseSites(config, {
    directory,
    streamPath: flags.stream,
    key: givenKey(flags.keyFile, session.environment),
    unusedKey: flags.unusedKey,
  });
  const results: object[] = [];
  for (const site of sites) {
    const published = await publishOne(session, site, flags);
    if (session.terminal.isJson) results.push(jsonResult(site, published, flags));
    else if (flags.dryRun) printDryRun(session, site, published);
    else await printResult(session, site, published);
  }
  if (session.terminal.isJson)
    session.terminal.printJson(results.length === 1 ? results[0] : results);
  return EXIT.done;
}

async function publishOne(
  session: Session,
  site: Site,
  flags: PublishFlags,
): Promise<PublishedSite> {
  const { ignore, maxFileBytes } = await session.config();
  const { terminal, signal } = session;
  const progress = startProgress(terminal);
  let newKeyPath: string | undefined;
  try {
    return await publishSite(site, {
      signal,
      ignore,
      maxFileBytes,
      dryRun: flags.dryRun,
      allowMassDelete: flags.allowMassDelete,
      onNewKey: (path) => {
        newKeyPath = path;
      },
      onProgress: (state) => {
        // Again and again: with every thread it starts, the engine goes back to its own ways.
        keepYoungGenerationSmall();
        const read = `${count(state.files, 'file')}, ${bytes(state.bytes)}`;
        progress.update(read, state.bytes, state.totalBytes);
      },
    });
  } catch (error) {
    progress.finish();
    // The key stays, and the next publish will not speak of it again.
    if (newKeyPath !== undefined) sayNewKey(session, newKeyPath);
    throw error;
  } finally {
    progress.finish();
  }
}

function sayNewKey({ terminal }: Session, path: string): void {
  terminal.say(`made a key: ${path}`);
  terminal.say(
    `copy it to a safe place now, and ${markPathOfKey(path)} with it: only this key can change this site, and nobody can make it again`,
  );
}

const MOST_LISTED = 20;

function printChanges({ terminal }: Session, { report }: PublishedSite, most: number): void {
  const { added, changed, removed } = report;
  const lines = [
    ...added.map((key) => terminal.paint('green', `  + ${visible(key)}`)),
    ...changed.map((key) => terminal.paint('yellow', `  ~ ${visible(key)}`)),
    ...removed.map((key) => terminal.paint('red', `  - ${visible(key)}`)),
  ];
  for (const line of lines.slice(0, most)) terminal.print(line);
  if (lines.length > most) terminal.print(`  and ${number(lines.length - most)} more`);
}

function counts({ report }: PublishedSite): string {
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

function printDryRun(session: Session, site: Site, published: PublishedSite): void {
  const { terminal } = session;
  printChanges(session, published, Number.POSITIVE_INFINITY);
  terminal.print(
    `nothing was written; publishing ${site.directory} would mean: ${counts(published)}`,
  );
}

async function printResult(session: Session, site: Site, published: PublishedSite): Promise<void> {
  const { terminal } = session;
  const { report, id, streamPath, newKeyPath, gitignoreUpdated } = published;
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
  for (const { path, reason } of skipped) terminal.say(`left out ${path}: ${reason}`);
  if (newKeyPath !== undefined) sayNewKey(session, newKeyPath);
  if (gitignoreUpdated !== undefined)
    terminal.say(`keeps stream and key out of git: ${gitignoreUpdated}`);
  await printNextStep(session, published, streamPath);
}

async function printNextStep(
  session: Session,
  { publicKey }: PublishedSite,
  streamPath: string,
): Promise<void> {
  const { terminal, signal } = session;
  const { port, mount } = await session.settings();
  // An HTTP client is a tenth of what a publish of nothing loads; --json does without.
  const { findServer } = await import('../../daemon/find-server.ts');
  const address = publicKey && (await findServer(publicKey, { port, mount, signal }));
  if (address !== undefined) {
    terminal.print(`it is being served: ${terminal.paint('cyan', address)}`);
    return;
  }
  const { streams } = await session.config();
  const isConfigured = streams.length === 1;
  const argument = isConfigured ? '' : ` ${shellWord(relative('.', streamPath) || streamPath)}`;
  terminal.print(`look at it: drayer serve${argument}`);
}

function jsonResult(site: Site, published: PublishedSite, flags: PublishFlags): object {
  const { streamPath, id, newKeyPath, gitignoreUpdated, report } = published;
  const { generation, ...rest } = report;
  const { tip, count: records, snapshot } = generation;
  return {
    directory: site.directory,
    stream: streamPath,
    id,
    newKeyPath,
    gitignoreUpdated,
    dryRun: flags.dryRun ?? false,
    ...rest,
    seq: snapshot?.seq,
    root: snapshot && Buffer.from(snapshot.root).toString('hex'),
    tip,
    records,
  };
}
