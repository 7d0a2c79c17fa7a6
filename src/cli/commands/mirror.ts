/** `drayer mirror <url> [id]`: a checked copy of somebody's stream, or the newest generation of one held. */
import { resolve } from 'node:path';
import { DrayerError, EXIT, isDrayerError } from '../../core/errors.ts';
import { findDaemon } from '../../daemon/control-client.ts';
import { mirrorPathOf } from '../../mirror/data-dir.ts';
import { findMirror, type HeldMirror } from '../../mirror/find-mirror.ts';
import { mirrorStream } from '../../mirror/mirror.ts';
import type { MirrorProgress } from '../../mirror/session.ts';
import type { LogFlags } from '../log.ts';
import { type ValueFlags, valuesOf } from '../mirror-values.ts';
import { startProgress } from '../progress.ts';
import type { ServingFlags } from '../serving.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';
import { type KeepFlags, keepMirror, quotaOf } from './mirror-keep.ts';
import { jsonReport, printReport } from './mirror-output.ts';
import { chooseKey, showProgress } from './mirror-source.ts';

/** Flags of `drayer mirror`. */
export type MirrorFlags = LogFlags &
  ServingFlags &
  KeepFlags &
  ValueFlags & {
    readonly stream?: string | undefined;
    readonly dataDir?: string | undefined;
    readonly serve?: boolean | undefined;
    readonly live?: boolean | undefined;
  };

/** Brings a mirror up to date, making it if there is none. */
export async function mirror(
  session: Session,
  url: string,
  id: string | undefined,
  flags: MirrorFlags,
  near: readonly string[] = [],
): Promise<number> {
  checkFlags(flags);
  const [quota, values] = [quotaOf(flags), valuesOf(flags)];
  const { terminal, signal } = session;
  if (/^\s*drayer:/i.test(url)) {
    const { linkTarget } = await import('../link-target.ts');
    const {
      id: linked,
      from: [first, ...more],
      name,
    } = linkTarget(url, id);
    if (name !== undefined) terminal.say(`the link calls it ${visible(name)}`);
    if (first === undefined) return await mirror(session, linked, undefined, flags);
    return await mirror(session, first, linked, {
      ...flags,
      from: [...more, ...(flags.from ?? [])],
    });
  }
  const { dataDir } = await session.settings({ dataDir: flags.dataDir });
  if (id === undefined && !url.includes(':')) {
    const { findNearby, keyIn } = await import('../find-nearby.ts');
    const key = keyIn(url);
    if (key !== undefined) {
      const settings = await session.settings({ dataDir, dht: flags.dht });
      const mirrorPath = flags.stream ?? mirrorPathOf(key, dataDir);
      const { url: from, others } = await findNearby(session, key, { mirrorPath, settings });
      // It has been found: what is left of --dht is for --serve.
      const rest = { ...flags, dht: flags.serve && flags.dht };
      return await mirror(session, from, url, rest, others);
    }
  }
  checkDht(flags);
  const link = flags.stream === undefined ? await findDaemon(dataDir) : undefined;
  if (link !== undefined) {
    const { mirrorThere } = await import('./mirror-there.ts');
    return await mirrorThere(session, link, { url, id, flags });
  }
  const path = flags.stream === undefined ? undefined : resolve(flags.stream);
  const publicKey = await chooseKey(session, url, id);
  const progress = startProgress(terminal);
  let mirrored: HeldMirror;
  let status: number = EXIT.done;
  try {
    const onProgress = (state: MirrorProgress): void => showProgress(progress, state);
    const finders = [{ name: 'lan', find: () => near }];
    const sources = { url, urls: flags.from, others: true, finders };
    const oneShot = flags.serve !== true;
    const options = { ...sources, publicKey, path, dataDir, quota, values, oneShot };
    const report = await mirrorStream({ ...options, signal, onProgress });
    progress.finish();
    if (path === undefined) keepMirror(report, url, flags);
    if (terminal.isJson) terminal.printJson(jsonReport(report));
    else printReport(session, report, { url, ...flags });
    mirrored = report;
    if (report.wantedValues > 0) status = EXIT.underReplicated;
  } catch (error) {
    // A copy is there to be served while its source is away; whoever follows it says that it is.
    const isAway = flags.serve === true && isDrayerError(error, 'UNREACHABLE');
    const held = isAway
      ? findMirror(path ?? mirrorPathOf(publicKey, dataDir), publicKey)
      : undefined;
    if (held === undefined) throw error;
    mirrored = held;
  } finally {
    progress.finish();
  }
  if (!flags.serve) return status;
  const { serveMirror } = await import('./mirror-serve.ts');
  return serveMirror(session, mirrored, { url, ...flags });
}

function checkFlags({ serve, live, port, host, lan, upnp }: MirrorFlags): void {
  if (serve || (live ?? port ?? host ?? lan ?? upnp) === undefined) return;
  throw new DrayerError('USAGE', '--live, --port, --host, --lan and --upnp are for --serve', {
    hint: 'drayer mirror URL --serve serves the mirror and follows its source',
  });
}

function checkDht({ serve, dht }: MirrorFlags): void {
  if (serve || dht === undefined) return;
  throw new DrayerError('USAGE', '--dht is for --serve, and for a stream id without an address', {
    hint: 'drayer mirror ID --dht looks for it in the world',
  });
}
