/**
 * What every integration does when its tool has built: the output folder is published, as
 * `drayer publish FOLDER` would do it, with what drayer.config.ts says of that folder. Loads nothing
 * of the publisher before it is needed, so that a dev server does not pay for it.
 */
import { relative, resolve } from 'node:path';
import type { Config } from '../config/load-config.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { withoutSecrets } from '../core/without-secrets.ts';
import { BUILD_VARIABLE } from '../daemon/build-command.ts';
import type { PublishedSite, Site } from '../daemon/publish-site.ts';
import { type IntegrationOptions, isWanted } from './options.ts';

/** The part of a tool's own log that is used. */
export type ToolLog = {
  /** What was done. */
  readonly info: (text: string) => void;
  /** What somebody should look at. */
  readonly warn: (text: string) => void;
};

/** One build of a tool that has ended well. */
export type FinishedBuild = {
  /** The output folder. */
  readonly directory: string;
  /** The project's root, absolute. */
  readonly root: string;
  /** The tool goes on and builds again when something changes. */
  readonly isWatching: boolean;
  /** The tool's own log. */
  readonly log: ToolLog;
};

/**
 * Publishes what a tool has built, where the options want it, and says so in the tool's log.
 *
 * @throws {DrayerError} what `publishSite` throws, with the hint in the message
 */
export async function publishOutput(
  build: FinishedBuild,
  options: IntegrationOptions,
): Promise<void> {
  if (!isWanted(options, build.isWatching)) return;
  if (process.env[BUILD_VARIABLE]) {
    build.log.info('drayer publish runs this build, and publishes when it has ended');
    return;
  }
  try {
    const published = await publishFolder(build, options);
    await warnOfLinks(build, published);
    report(build, published);
  } catch (error) {
    throw forTool(error);
  }
}

async function publishFolder(
  { directory, root, log }: FinishedBuild,
  options: IntegrationOptions,
): Promise<PublishedSite> {
  const { publishSite } = await import('../daemon/publish-site.ts');
  const config = await readConfig(root, options);
  const checkLinks =
    options.checkLinks ?? config.checkLinks ?? (process.env['CI'] ? 'warn' : 'off');
  return publishSite(await chooseSite(config, resolve(root, directory), root, options), {
    ignore: [...(config.ignore ?? []), ...(options.ignore ?? [])],
    maxFileBytes: config.maxFileBytes,
    allowSecrets: config.allowSecrets,
    checkLinks: checkLinks === 'off' ? undefined : checkLinks,
    allowMassDelete: options.allowMassDelete,
    onNewKey: (path) => {
      log.info(`made a key: ${path}`);
      log.warn('copy it to a safe place: only this key can change this site');
    },
  });
}

async function readConfig(root: string, { config }: IntegrationOptions): Promise<Config> {
  const { loadConfig } = await import('../config/load-config.ts');
  const { cacheDir } = await import('../config/settings.ts');
  const named = process.env['DRAYER_CONFIG'] || root;
  return loadConfig(config === undefined ? named : resolve(root, config), {
    cacheDir: cacheDir(process.env),
  });
}

async function chooseSite(
  config: Config,
  directory: string,
  root: string,
  { stream, keyFile, unusedKey }: IntegrationOptions,
): Promise<Site> {
  const { chooseSites } = await import('../daemon/choose-sites.ts');
  const { givenKey } = await import('../daemon/given-key.ts');
  const flags = { keyFile: keyFile && resolve(root, keyFile) };
  const [site] = chooseSites(config, {
    directory,
    streamPath: stream && resolve(root, stream),
    key: await givenKey(flags, ownEnvironment()),
    unusedKey,
  });
  return site ?? { directory };
}

async function warnOfLinks({ log }: FinishedBuild, { report }: PublishedSite): Promise<void> {
  if (report.links === undefined || report.links.broken.length === 0) return;
  const { describeLinks } = await import('../publish/link-guard.ts');
  log.warn(describeLinks(report.links));
}

let key: string | undefined;

/** The environment, with the key in it for us alone, also for the builds after this one. */
function ownEnvironment(): NodeJS.ProcessEnv {
  key = process.env['DRAYER_KEY'] || key;
  delete process.env['DRAYER_KEY'];
  return { ...process.env, DRAYER_KEY: key };
}

function report({ directory, root, log }: FinishedBuild, published: PublishedSite): void {
  const { id, streamPath } = published;
  const { added, changed, removed, unchanged, wrote, skipped, generation } = published.report;
  const counts = {
    added: added.length,
    changed: changed.length,
    removed: removed.length,
    unchanged,
  };
  const said = Object.entries(counts).flatMap(([word, n]) => (n > 0 ? [`${n} ${word}`] : []));
  const folder = relative(root, resolve(root, directory)) || '.';
  // What its owner left out is no news.
  const surprising = skipped.filter(({ reason }) => !reason.startsWith('ignored'));
  for (const { path, reason } of surprising) log.warn(`left out ${path}: ${reason}`);
  const seq = generation.snapshot === undefined ? '' : `, generation ${generation.snapshot.seq}`;
  if (!wrote) {
    log.info(`nothing to publish: ${folder} is as it was${seq} (${said.join(', ')})`);
    return;
  }
  log.info(`published ${folder}: ${said.join(', ')}${seq}`);
  log.info(`stream ${id}; look at it: drayer serve ${relative(root, streamPath)}`);
}

/** A tool prints message, stack and cause, and no hint: where a person has to act, only the message helps. */
function forTool(error: unknown): unknown {
  if (!isDrayerError(error) || error.code === 'INTERNAL' || process.env['DRAYER_DEBUG'])
    return error;
  const { code, message, hint } = error;
  const text = hint === undefined ? message : `${message}\n  hint: ${hint}`;
  // As on our own command line: a key in the place of a path must not end in a log.
  const told = new DrayerError(code, withoutSecrets(text));
  told.stack = `${told.name}: ${told.message}`;
  return told;
}
