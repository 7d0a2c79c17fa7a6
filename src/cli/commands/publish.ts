/** `drayer publish [dir]`: folder in, signed stream out, and what to do with it. */
import { DrayerError, EXIT, isDrayerError } from '../../core/errors.ts';
import { chooseSites } from '../../daemon/choose-sites.ts';
import type { KeyFlags } from '../../daemon/given-key.ts';
import {
  type PublishedSite,
  publishSite,
  type RemoteOptions,
  type Site,
} from '../../daemon/publish-site.ts';
import type { BegunWalk } from '../../publish/begun-walk.ts';
import type { PublishProgress } from '../../publish/site-reading.ts';
import { bytes, count, number } from '../format.ts';
import { isFolderNotMode, linkModeOf } from '../link-mode.ts';
import { startProgress } from '../progress.ts';
import type { ServingFlags } from '../serving.ts';
import type { Session } from '../session.ts';
import { keepHeapSmall } from '../small-heap.ts';
import { takeKey } from '../take-key.ts';
import { build } from './publish-build.ts';
import { jsonResult, printNextStep, printResult, sayNewKey } from './publish-output.ts';
import type { Wait, WaitFlags } from './publish-wait.ts';
import type { Kept } from './publish-watch.ts';

/** Flags of `drayer publish`. */
export type PublishFlags = KeyFlags &
  ServingFlags &
  WaitFlags & {
    readonly stream?: string | undefined;
    /** Address of the server the stream is on. */
    readonly to?: string | undefined;
    readonly dryRun?: boolean | undefined;
    /** A dry run, with sizes. */
    readonly diff?: boolean | undefined;
    readonly exitCode?: boolean | undefined;
    /** True without a mode. */
    readonly checkLinks?: string | true | undefined;
    readonly allowMassDelete?: boolean | undefined;
    readonly allowSecrets?: boolean | undefined;
    /** True with --provenance, false with --no-provenance. */
    readonly provenance?: boolean | undefined;
    readonly unusedKey?: boolean | undefined;
    readonly watch?: boolean | undefined;
    readonly serve?: boolean | undefined;
    /** False with --no-build. */
    readonly build?: boolean | undefined;
    readonly json?: boolean | undefined;
    readonly quiet?: boolean | undefined;
    /** A walk that was begun while this was loaded. */
    readonly begun?: BegunWalk | undefined;
  };

/** Publishes a folder, or every folder that the config names. */
export async function publish(
  session: Session,
  directory: string | undefined,
  given: PublishFlags,
): Promise<number> {
  const isFolder = directory === undefined && isFolderNotMode(given.checkLinks);
  if (isFolder) return publish(session, given.checkLinks, { ...given, checkLinks: true });
  const flags = { ...given, dryRun: given.dryRun || given.diff };
  checkFlags(flags);
  const wait = await waitOf(flags);
  const { terminal } = session;
  const config = await session.config();
  const sites = chooseSites(config, {
    directory,
    streamPath: flags.stream,
    key: await takeKey(session, flags),
    unusedKey: flags.unusedKey,
    to: flags.to,
  });
  if (sites.some(({ to }) => to !== undefined)) checkRemote(flags);
  await build(session, sites, flags);
  const kept: Kept[] = [];
  let hasChanges = false;
  let isMet = true;
  for (const site of sites) {
    const done = await publishAndTell(session, site, { flags, wait });
    kept.push({ site, published: done.published });
    hasChanges ||= isChanged(done.published);
    isMet &&= done.mirrors?.isMet ?? true;
    // At once: it stands, whatever becomes of the next one.
    if (terminal.isJson) {
      terminal.printJson({
        ...jsonResult(site, done.published, flags),
        mirrors: done.mirrors?.json,
      });
    }
  }
  if (flags.watch || flags.serve) {
    const { keepPublished } = await import('./publish-watch.ts');
    return keepPublished(session, kept, flags);
  }
  if (!isMet) return EXIT.underReplicated;
  return flags.exitCode && hasChanges ? EXIT.checkFailed : EXIT.done;
}

type Told = {
  readonly published: PublishedSite;
  /** Undefined where nobody waits for them. */
  readonly mirrors: { readonly isMet: boolean; readonly json: object } | undefined;
};

/** Publishes one site, says what it did, tells the servers of it and waits for them. */
async function publishAndTell(
  session: Session,
  site: Site,
  { flags, wait }: { readonly flags: PublishFlags; readonly wait: Wait | undefined },
): Promise<Told> {
  const published = await publishOrAsk(session, site, flags);
  const told = tellServers(session, published, flags);
  // Waited for below; should printing fail first, that is the error to tell of.
  told.catch(() => {});
  const address = await tellDaemon(session, published, flags);
  if (!session.terminal.isJson) await print(session, { site, published }, { ...flags, address });
  const mirrors = wait && (await waitFor(session, published, wait));
  await told;
  return { published, mirrors };
}

// Who waits for nobody does not load what asks servers.
async function waitOf(flags: PublishFlags): Promise<Wait | undefined> {
  if ((flags.waitMirrors ?? flags.timeout ?? flags.mirror) === undefined) return undefined;
  return (await import('./publish-wait.ts')).waitOf(flags);
}

async function waitFor(
  session: Session,
  published: PublishedSite,
  wait: Wait,
): Promise<NonNullable<Told['mirrors']>> {
  const { jsonWaited, waitForMirrors } = await import('./publish-wait.ts');
  const waited = await waitForMirrors(session, published, wait);
  return { isMet: waited.isMet, json: jsonWaited(waited) };
}

// Who wrote nothing has nothing to tell.
async function tellDaemon(
  session: Session,
  { report, servers, streamPath, push }: PublishedSite,
  { dryRun, serve }: PublishFlags,
): Promise<string | undefined> {
  const isNew = report.wrote || servers !== undefined;
  if (dryRun || serve || !isNew || push !== undefined) return undefined;
  return (await import('../nudge.ts')).nudge(session, streamPath);
}

// Beside the rest: what they are told is a courtesy, and those that miss it find out by themselves.
async function tellServers(
  session: Session,
  published: PublishedSite,
  { dryRun }: PublishFlags,
): Promise<void> {
  const { report, servers, primaryServers } = published;
  const isNew = report.wrote || servers !== undefined;
  if (dryRun || !isNew || primaryServers.length === 0) return;
  const { announceOnce } = await import('../announce.ts');
  const { port } = await session.settings();
  await announceOnce(session, published, port);
}

function isChanged({ report, servers }: PublishedSite): boolean {
  const { added, changed, removed } = report;
  return added.length + changed.length + removed.length > 0 || servers !== undefined;
}

function checkFlags(flags: PublishFlags): void {
  const { dryRun, diff, exitCode, watch, serve, port, host, lan, dht, upnp, waitMirrors } = flags;
  const goesOn = watch ? '--watch' : '--serve';
  if (dryRun && (watch || serve)) {
    const flag = diff ? '--diff' : '--dry-run';
    throw new DrayerError('USAGE', `${flag} and ${goesOn} exclude each other`, {
      hint: 'a dry run writes nothing, so there is nothing to go on with',
    });
  }
  if (exitCode && (watch || serve)) {
    throw new DrayerError('USAGE', `--exit-code and ${goesOn} exclude each other`, {
      hint: 'what goes on until it is stopped has no status that could say it',
    });
  }
  if (waitMirrors !== undefined && (dryRun || watch || serve)) {
    const flag = dryRun ? '--dry-run' : goesOn;
    throw new DrayerError('USAGE', `--wait-mirrors and ${flag} exclude each other`, {
      hint: 'it waits for one publish, which is over when enough servers have it',
    });
  }
  if (serve || (port ?? host ?? lan ?? dht ?? upnp) === undefined) return;
  throw new DrayerError('USAGE', '--port, --host, --lan, --dht and --upnp are for --serve', {
    hint: 'drayer publish --serve also serves what it publishes',
  });
}

function checkRemote({ watch, serve }: PublishFlags): void {
  if (!watch && !serve) return;
  const flag = watch ? '--watch' : '--serve';
  throw new DrayerError('USAGE', `${flag} is not for a stream that is published to a server`, {
    hint: 'each generation of it is written under a lease: publish once what is finished',
  });
}

async function print(
  session: Session,
  { site, published }: Kept,
  { dryRun, serve, checkLinks, address }: PublishFlags & { readonly address: string | undefined },
): Promise<void> {
  const { links } = published.report;
  if (dryRun || links !== undefined) {
    const { printDryRun, printLinks } = await import('./publish-look.ts');
    if (links !== undefined) await printLinks(session, links, checkLinks !== undefined);
    if (dryRun) return printDryRun(session, site, published);
  }
  printResult(session, site, published);
  if (!serve) await printNextStep(session, published, address);
}

async function publishOrAsk(
  session: Session,
  site: Site,
  flags: PublishFlags,
): Promise<PublishedSite> {
  try {
    return await publishOne(session, site, flags);
  } catch (error) {
    if (!isDrayerError(error, 'CREDENTIAL_IN_SITE') || !session.terminal.isInteractive) throw error;
    const { askAboutSecrets } = await import('../ask-secrets.ts');
    await askAboutSecrets(session, error);
    return publishOne(session, site, { ...flags, allowSecrets: true });
  }
}

async function publishOne(
  session: Session,
  site: Site,
  flags: PublishFlags,
): Promise<PublishedSite> {
  const { ignore, maxFileBytes, allowSecrets, ...config } = await session.config();
  const { terminal, signal, environment } = session;
  const checkLinks = linkModeOf(flags.checkLinks, config.checkLinks, environment);
  const provenance = await provenanceOf(session, flags.provenance ?? config.provenance, flags);
  const remote = site.to === undefined ? {} : await remoteOptions(session);
  const progress = startProgress(terminal);
  let newKeyPath: string | undefined;
  try {
    return await publishSite(site, {
      ...remote,
      signal,
      ignore,
      maxFileBytes,
      allowSecrets: flags.allowSecrets ?? allowSecrets,
      begun: flags.begun,
      checkLinks: checkLinks === 'off' ? undefined : checkLinks,
      provenance,
      dryRun: flags.dryRun,
      listChanges: flags.diff,
      allowMassDelete: flags.allowMassDelete,
      onNewKey: (path) => {
        newKeyPath = path;
      },
      onProgress: (state) => {
        // Again and again: with every thread it starts, the engine goes back to its own ways.
        keepHeapSmall();
        progress.update(() => progressText(state), state.bytes, state.totalBytes);
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

// What a publish to a server takes besides: no flag, since a token is a secret.
async function remoteOptions(session: Session): Promise<RemoteOptions> {
  const { file, root } = await session.config();
  const { dataDir } = await session.settings();
  const token = session.environment['DRAYER_TOKEN'] || undefined;
  return { token, dataDir, lockFolder: file === undefined ? undefined : root };
}

async function provenanceOf(
  { environment }: Session,
  isWanted: boolean | undefined,
  { provenance }: PublishFlags,
): Promise<Uint8Array | undefined> {
  if (!isWanted) return undefined;
  const { ciProvenance } = await import('../../daemon/ci-provenance.ts');
  return ciProvenance(environment, { isAsked: provenance === true });
}

/** `1,204 of 10,000 files, 12 of 114 MB`. */
function progressText(state: PublishProgress): string {
  const files = `${number(state.files)} of ${count(state.totalFiles, 'file')}`;
  return `${files}, ${bytes(state.bytes)} of ${bytes(state.totalBytes)}`;
}
