/**
 * `drayer publish` from its first moment. Where a stream is there already, a look comes first: with
 * nothing changed it is all there is to do. Where there is none, another thread looks for the site's
 * files while this one loads what else a publish takes.
 */
import { availableParallelism } from 'node:os';
import type { Config } from '../config/load-config.ts';
import { EXIT, isDrayerError } from '../core/errors.ts';
import { chooseSites } from '../daemon/choose-sites.ts';
import type { Site } from '../daemon/publish-site.ts';
import { walkOrder } from '../publish/begun-walk.ts';
import { lookAtSite, type UnchangedSite } from '../publish/look-at-site.ts';
import { resolveSiteDirectory } from '../publish/site-directory.ts';
import type { Walker } from '../publish/walker.ts';
import type { publish as Publish, PublishFlags } from './commands/publish.ts';
import { jsonResult, printNextStep, printResult } from './commands/publish-output.ts';
import { linkModeOf } from './link-mode.ts';
import type { Session } from './session.ts';

/** Runs the command. */
export async function beginPublish(
  session: Session,
  directory: string | undefined,
  flags: PublishFlags,
): Promise<number> {
  const config = await session.config();
  const site = siteToLookAt(session, config, { directory, flags });
  if (site !== undefined) {
    const { signal } = session;
    const look = await lookAtSite(site.directory, { ...config, ...site, signal });
    if (look?.unchanged !== undefined) return tellUnchanged(session, site, look.unchanged);
    if (look !== undefined) return publish(session, directory, { ...flags, begun: look.begun });
  }
  const walker = await beginWalk(config, directory);
  try {
    return await publish(session, directory, { ...flags, begun: walker });
  } finally {
    await walker?.close();
  }
}

async function publish(...given: Parameters<typeof Publish>): Promise<number> {
  return (await import('./commands/publish.ts')).publish(...given);
}

/** Flags that make no difference where nothing has changed. */
const PLAIN: ReadonlySet<string> = new Set([
  'json',
  'quiet',
  'config',
  'stream',
  'exitCode',
  'checkLinks',
  'allowMassDelete',
  'allowSecrets',
]);

/** The one site this is about, where a publish of it does nothing if nothing has changed. */
function siteToLookAt(
  { environment }: Session,
  config: Config,
  { directory, flags }: { readonly directory: string | undefined; readonly flags: PublishFlags },
): Site | undefined {
  const { build, ...others } = flags;
  const isPlain = Object.entries(others).every(([name, value]) => {
    return value === undefined || PLAIN.has(name);
  });
  const hasKey = environment['DRAYER_KEY'] || environment['DRAYER_KEY_FILE'];
  // What expires may have to be renewed.
  if (!isPlain || hasKey || config.provenance || config.expires) return undefined;
  if (flags.checkLinks !== undefined && flags.checkLinks !== 'off') return undefined;
  if (linkModeOf(flags.checkLinks, config.checkLinks, environment) !== 'off') return undefined;

  const [site, ...more] = chooseSites(config, { directory, streamPath: flags.stream });
  if (site === undefined || more.length > 0) return undefined;
  const { secretKey, servers, to } = site;
  const isBuilt = site.build !== undefined && build !== false;
  return isBuilt || (secretKey ?? servers ?? to) !== undefined ? undefined : site;
}

async function tellUnchanged(
  session: Session,
  site: Site,
  unchanged: UnchangedSite,
): Promise<number> {
  if (session.terminal.isJson) session.terminal.printJson(jsonResult(site, unchanged, {}));
  else {
    printResult(session, site, unchanged);
    await printNextStep(session, unchanged, undefined);
  }
  return EXIT.done;
}

/** Begins to walk the one folder this is about, if it is there and nothing has to be built first. */
async function beginWalk(
  { streams, ignore }: Config,
  directory: string | undefined,
): Promise<Walker | undefined> {
  const sites = streams.filter((stream) => stream.directory !== undefined);
  const [only] = sites.length === 1 ? sites : [];
  const named = directory ?? (only?.build === undefined ? only?.directory : undefined);
  if (named === undefined || availableParallelism() < 2) return undefined;
  try {
    const order = walkOrder(resolveSiteDirectory(named), { patterns: ignore });
    const { Walker } = await import('../publish/walker.ts');
    const walker = new Walker();
    walker.begin(order);
    return walker;
  } catch (error) {
    // Reported by who comes to it first.
    if (isDrayerError(error)) return undefined;
    throw error;
  }
}
