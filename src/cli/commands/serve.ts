/** `drayer serve [streams…]`: to browsers and mirrors, until it is stopped. */
import type { Settings } from '../../config/settings.ts';
import { EXIT, isDrayerError } from '../../core/errors.ts';
import type { AutoLimits } from '../../daemon/auto-mirror.ts';
import type { Daemon } from '../../daemon/daemon.ts';
import { hasKept } from '../../daemon/kept-mirrors.ts';
import { listKnownStreams } from '../../daemon/known-streams.ts';
import { isAnybodyAllowed, pushOptionsOf } from '../../daemon/push-settings.ts';
import { chooseServed, findSite } from '../../daemon/served-streams.ts';
import type { StreamSource } from '../../server/stream-set.ts';
import type { LogFlags } from '../log.ts';
import { type OperatorFlags, operatorOptions } from '../operator-flags.ts';
import { type ServingFlags, type ServingWay, startServingBy } from '../serving.ts';
import type { Session } from '../session.ts';

/** Flags of `drayer serve`. */
export type ServeFlags = LogFlags &
  ServingFlags &
  OperatorFlags & {
    readonly autoMirror?: 'nearby' | undefined;
    readonly site?: string | undefined;
    readonly mount?: string | undefined;
    readonly allowHost?: readonly string[] | undefined;
    readonly cors?: boolean | undefined;
    readonly dataDir?: string | undefined;
    readonly live?: boolean | undefined;
    readonly workers?: number | undefined;
  };

/** Serves until a signal comes. */
export async function serve(
  session: Session,
  names: readonly string[],
  flags: ServeFlags,
): Promise<number> {
  const { terminal } = session;
  const { allowHost, live, ...rest } = flags;
  const settings = await session.settings({ ...rest, allowHosts: allowHost });
  const { dataDir } = settings;
  const config = await session.config();
  const { push = {} } = config;
  const asked = flags.autoMirror ?? config.autoMirror;
  const choice = await chooseServed(names, await listKnownStreams(config, dataDir), {
    // Streams may come: pushed, from the network, or what was ended before the first of it had come.
    mayBeNone: isAnybodyAllowed(push, dataDir) || Boolean(asked) || (await hasKept(dataDir)),
  });
  for (const { error } of choice.unreadable) terminal.complain('warning', error.message);
  for (const { name } of choice.waiting) {
    terminal.say(`${name} is not published yet; it is served as soon as it is`);
  }
  const isAll = names.length === 0;
  const autoMirror =
    asked &&
    (await import('../auto-mirror.ts')).autoMirrorOf(flags.autoMirror, config, {
      lan: settings.lan,
      isAll,
    });
  const workers = flags.workers ?? config.serve?.workers;
  const mayPush = isAll && ((workers ?? 1) === 1 || isAnybodyAllowed(push, dataDir));
  if (!isAll && (await import('./serve-there.ts')).isPlain(flags)) {
    const { serveThere } = await import('./serve-there.ts');
    if (await serveThere(session, settings, choice.sources)) return EXIT.done;
  }
  const way = await servingWay(session, settings, isAll, { ...flags, autoMirror });
  const options = {
    site: await chooseSite(session, settings.site, choice.sources),
    streams: choice.sources,
    // Who names streams wants these and no others.
    dataDir: isAll ? dataDir : undefined,
    except: choice.unreadable.map(({ stream }) => stream.path),
    live,
    operator: await operatorOptions(flags, {
      config: config.serve,
      dataDir,
      sources: choice.sources,
    }),
    workers,
    push: mayPush ? pushOptionsOf(push, dataDir, session.environment) : undefined,
  };
  const daemon = await startServingBy(session, settings, options, way);
  await daemon.closed;
  return EXIT.done;
}

/** All there is, and more at run time: as the daemon of the data folder. Named ones: these and no more. */
async function servingWay(
  session: Session,
  { dataDir }: Settings,
  isAll: boolean,
  flags: LogFlags & { readonly autoMirror?: AutoLimits | undefined },
): Promise<ServingWay<Daemon>> {
  const { daemonWay, logWay } = await import('../daemon-way.ts');
  return isAll
    ? await daemonWay(session, dataDir, { ...flags, servesAll: true })
    : await logWay(session, flags);
}

/** The site of the config is a wish: it does not stand in the way of serving something else. */
async function chooseSite(
  session: Session,
  site: string | undefined,
  sources: readonly StreamSource[],
): Promise<Uint8Array | undefined> {
  if (site === undefined) return undefined;
  try {
    return await findSite(site, sources);
  } catch (error) {
    const isWish = (await session.config()).site === site;
    if (isWish && (isDrayerError(error, 'STREAM_NOT_FOUND') || isDrayerError(error, 'USAGE'))) {
      return undefined;
    }
    throw error;
  }
}
