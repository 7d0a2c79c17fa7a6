/** `drayer mirror --serve`: serves the mirror that was made and follows its source, until it is stopped. */
import type { Settings } from '../../config/settings.ts';
import { DrayerError, EXIT } from '../../core/errors.ts';
import { isReachable } from '../../daemon/reach.ts';
import type { HeldMirror } from '../../mirror/find-mirror.ts';
import { type Following, followStream } from '../../mirror/follow-stream.ts';
import type { MirrorReport } from '../../mirror/mirror.ts';
import { daemonWay, logWay, NEXT } from '../daemon-way.ts';
import { DEFAULT_HINTS } from '../default-hints.ts';
import { bytes } from '../format.ts';
import { timeOfDay } from '../running.ts';
import { type ServingOptions, startServingBy } from '../serving.ts';
import type { Session } from '../session.ts';
import type { MirrorFlags } from './mirror.ts';
import { keepMirror, quotaOf } from './mirror-keep.ts';
import { jsonReport } from './mirror-output.ts';

type Wish = MirrorFlags & { readonly url: string };

/** Serves and follows: as the daemon of the data folder, or with `--stream` that one file and no more. */
export async function serveMirror(
  session: Session,
  mirrored: HeldMirror,
  flags: Wish,
): Promise<number> {
  const { port, host, lan, dht, upnp, dataDir } = flags;
  const settings = await session.settings({ port, host, lan, dht, upnp, dataDir });
  if (flags.stream !== undefined) return serveFile(session, settings, { mirrored, flags });
  keepMirror(mirrored, flags.url, flags);
  const way = await daemonWay(session, settings.dataDir, {
    ...flags,
    servesAll: false,
    events: printed(session),
  });
  const daemon = await startServingBy(session, settings, optionsOf(mirrored, flags), way);
  try {
    if (daemon.keeper === undefined) throw secondDaemon(settings);
    await daemon.closed;
    return EXIT.done;
  } finally {
    await daemon.close();
  }
}

async function serveFile(
  session: Session,
  settings: Settings,
  { mirrored, flags }: { readonly mirrored: HeldMirror; readonly flags: Wish },
): Promise<number> {
  const { signal } = session;
  const { url } = flags;
  let following: Following | undefined;
  const way = await logWay(session, flags);
  const { tell } = way;
  const options = optionsOf(mirrored, flags);
  const onAnnounced = (): void => following?.pull();
  const daemon = await startServingBy(session, settings, { ...options, onAnnounced }, way);
  const { onMirrored, onProblem } = printed(session);
  following = followStream(mirrored, {
    url,
    urls: flags.from,
    quota: quotaOf(flags),
    signal,
    httpPort: daemon.port,
    isReachable: isReachable(settings),
    // With --lan also whoever on the network has it; finders are asked only where others are.
    finders: daemon.lan && [daemon.lan.finder],
    others: daemon.lan && true,
    onGeneration: (report) => {
      daemon.look(report.path);
      onMirrored(report);
    },
    onProblem: (problem) => {
      tell.warn({ event: 'problem', url, code: problem.code }, `${problem.message}; ${NEXT}`);
      onProblem(mirrored, problem);
    },
    onMended: () => tell.info({ event: 'mended', url }, `${url} is followed again`),
  });
  try {
    tell.info({ event: 'kept', url }, `following ${url}`);
    await Promise.all([daemon.closed, following.closed]);
    return EXIT.done;
  } finally {
    await following.close();
    await daemon.close();
  }
}

function optionsOf({ path }: HeldMirror, { live }: Wish): ServingOptions {
  // What follows the source tells of its generations.
  return { streams: [{ path }], live, onGeneration: undefined };
}

/** What is a result, and goes to stdout: each generation, and for machines each problem too. */
function printed({ terminal }: Session): {
  onMirrored(report: MirrorReport): void;
  onProblem(about: { readonly id: string; readonly path: string }, problem: DrayerError): void;
} {
  return {
    onMirrored: (report) => {
      const time = new Date().toISOString();
      if (terminal.isJson) terminal.printJson({ time, ...jsonReport(report) });
      else terminal.print(lineOf(report));
    },
    onProblem: ({ id, path }, { code, message, hint = DEFAULT_HINTS[code], details }) => {
      if (!terminal.isJson) return;
      terminal.printJson({ id, path, error: { code, message, hint, ...details } });
    },
  };
}

function secondDaemon({ dataDir }: Settings): DrayerError {
  return new DrayerError('CONFLICT', `another process has become the daemon of ${dataDir}`, {
    hint: 'run the command again: it hands the mirror over to that one',
  });
}

/** `14:03:25  12 KB fetched  generation 7`. */
function lineOf({ generation, bytes: fetched }: MirrorReport): string {
  const { snapshot } = generation;
  const seq = snapshot === undefined ? '' : `  generation ${snapshot.seq}`;
  return `${timeOfDay()}  ${bytes(fetched)} fetched${seq}`;
}
