/**
 * The first look of `drayer publish`: where a stream is there already and nothing has changed, it is all
 * there is to do.
 */
import type { Config } from '../config/load-config.ts';
import { EXIT } from '../core/errors.ts';
import { chooseSites } from '../daemon/choose-sites.ts';
import type { Site } from '../daemon/publish-site.ts';
import type { BegunWalk } from '../publish/begun-walk.ts';
import { lookAtSite, type UnchangedSite } from '../publish/look-at-site.ts';
import { beginWalk } from './begin-walk.ts';
import type { PublishFlags } from './commands/publish.ts';
import { jsonResult, printNextStep, printResult } from './commands/publish-output.ts';
import { linkModeOf } from './link-mode.ts';
import type { Session } from './session.ts';

/** What came of a first look. */
export type FirstLook = {
  /** Of a site in which nothing has changed: that has been told, and there is nothing to do. */
  readonly status?: number | undefined;
  /** The walk of one in which something has, or of one that is not there yet, still under way. */
  readonly begun?: BegunWalk | undefined;
  readonly config: Config;
};

/**
 * Looks at the one site this is about.
 *
 * @throws {DrayerError} what a publish throws for the same reason
 */
export async function lookFirst(
  session: Session,
  directory: string | undefined,
  flags: PublishFlags,
): Promise<FirstLook> {
  const config = await session.config();
  const site = siteToLookAt(session, config, { directory, flags });
  const { signal } = session;
  const look = site && (await lookAtSite(site.directory, { ...config, ...site, signal }));
  if (site === undefined || look?.unchanged === undefined) {
    return { config, begun: look?.begun ?? (await beginWalk(config, directory)) };
  }
  return { config, status: await tellUnchanged(session, site, look.unchanged) };
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
    // Before anything is printed: what is wrong with them is told alone.
    await session.settings();
    printResult(session, site, unchanged);
    await printNextStep(session, unchanged, undefined);
  }
  return EXIT.done;
}
