/** `drayer publish --watch --serve`: what goes on after the first publish, until it is stopped. */
import { basename } from 'node:path';
import { EXIT } from '../../core/errors.ts';
import type { Announcer } from '../../daemon/announce-stream.ts';
import type { Daemon } from '../../daemon/daemon.ts';
import type { PublishedSite, Site } from '../../daemon/publish-site.ts';
import type { BuildWatchers } from '../../daemon/watch-build.ts';
import { watchSite } from '../../daemon/watch-site.ts';
import { describeLinks } from '../../publish/link-guard.ts';
import type { PublishReport } from '../../publish/publisher.ts';
import type { Watch } from '../../publish/watch-directory.ts';
import { announceAll } from '../announce.ts';
import { linkModeOf } from '../link-mode.ts';
import { printProblem, timeOfDay } from '../running.ts';
import type { Session } from '../session.ts';
import type { PublishFlags } from './publish.ts';
import { watchBuild } from './publish-build.ts';
import { jsonResult } from './publish-output.ts';

/** A site, and what its first publish did. */
export type Kept = { readonly site: Site; readonly published: PublishedSite };

/** Serves and watches what was published, as the flags say. */
export async function keepPublished(
  session: Session,
  kept: readonly Kept[],
  flags: PublishFlags,
): Promise<number> {
  const open: (Watch | Daemon | BuildWatchers)[] = [];
  const announcers: Announcer[] = [];
  try {
    const daemon = flags.serve ? await serveSites(session, kept, flags) : undefined;
    if (daemon !== undefined) open.push(daemon);
    if (flags.watch) {
      const port = daemon?.port ?? (await session.settings()).port;
      for (const one of kept) {
        const announcer = announceAll(session, one.published.streamPath, port);
        announcers.push(announcer);
        open.push(await watchOne(session, one, { kept, flags, announcer, daemon }));
      }
      const sites = kept.map(({ site }) => site);
      const builders = await watchBuild(session, sites, flags);
      if (builders !== undefined) open.push(builders);
      session.terminal.say(`watching ${kept.map(nameOf).join(', ')}; Ctrl-C stops it`);
    }
    await Promise.all(open.map(({ closed }) => closed));
    return EXIT.done;
  } finally {
    for (const one of [...announcers, ...open].reverse()) await one.close();
  }
}

async function serveSites(
  session: Session,
  kept: readonly Kept[],
  { port, host, lan, dht, upnp, watch }: PublishFlags,
): Promise<Daemon> {
  // An HTTP server takes longer to load than a small publish takes.
  const { startServing } = await import('../serving.ts');
  const streams = kept.map((one) => ({ path: one.published.streamPath, name: nameOf(one) }));
  const settings = await session.settings({ port, host, lan, dht, upnp });
  // The watch tells of its generations itself.
  const quiet = watch ? { onGeneration: undefined } : {};
  return startServing(session, settings, { streams, live: watch, ...quiet });
}

async function watchOne(
  session: Session,
  one: Kept,
  given: {
    readonly kept: readonly Kept[];
    readonly flags: PublishFlags;
    readonly announcer: Announcer;
    readonly daemon: Daemon | undefined;
  },
): Promise<Watch> {
  const { terminal, signal } = session;
  const { kept, flags, announcer, daemon } = given;
  const { ignore, maxFileBytes, allowSecrets, ...config } = await session.config();
  const checkLinks = linkModeOf(flags.checkLinks, config.checkLinks, session.environment);
  const name = kept.length > 1 ? `  ${nameOf(one)}` : '';
  // --allow-mass-delete was for what is gone now, not for what a generator will clear.
  const watch = await watchSite(one.site, one.published, {
    signal,
    ignore,
    maxFileBytes,
    allowSecrets: flags.allowSecrets ?? allowSecrets,
    checkLinks: checkLinks === 'off' ? undefined : checkLinks,
    onGeneration: (report) => {
      // Open pages and other machines need not wait for its next look.
      daemon?.look(one.published.streamPath);
      announcer.tell();
      printGeneration(session, report, terminal.isJson ? jsonOf(one, report, flags) : name);
    },
    onProblem: (problem) => {
      const { directory } = one.site;
      const next = 'the last generation stays; it goes on when that is mended';
      printProblem(session, problem, {
        about: { directory, stream: one.published.streamPath },
        next,
      });
    },
    onWarning: ({ message, hint }) => {
      terminal.complain('warning', message);
      if (hint !== undefined) terminal.complain('hint', hint);
    },
    onMended: () => terminal.say(`${nameOf(one)} is published again`),
  });
  return watch;
}

/** Prints a generation: as that object, or as a line with that at its end. */
function printGeneration({ terminal }: Session, report: PublishReport, as: object | string): void {
  if (typeof as === 'object') terminal.printJson(as);
  else terminal.print(`${lineOf(report)}${as}`);
  const { links } = report;
  if (links !== undefined && links.broken.length > 0) {
    terminal.complain('warning', describeLinks(links));
  }
}

/** `14:03:25  +1 ~2 -0  generation 7`. */
function lineOf({ added, changed, removed, generation }: PublishReport): string {
  const { snapshot } = generation;
  const seq = snapshot === undefined ? '' : `  generation ${snapshot.seq}`;
  return `${timeOfDay()}  +${added.length} ~${changed.length} -${removed.length}${seq}`;
}

function jsonOf({ site, published }: Kept, report: PublishReport, flags: PublishFlags): object {
  const now = { ...published, report, newKeyPath: undefined, gitignoreUpdated: undefined };
  return { time: new Date().toISOString(), ...jsonResult(site, now, flags) };
}

function nameOf({ site }: Kept): string {
  return basename(site.directory);
}
