/** Telling the servers that a stream names of what was just published, with at most one line about it. */
import { type Announcer, startAnnouncer } from '../daemon/announce-stream.ts';
import type { PublishedSite } from '../daemon/publish-site.ts';
import { announceGeneration, type Untold } from '../mirror/announce.ts';
import type { Session } from './session.ts';
import { visible } from './terminal.ts';

/**
 * Tells them once; whatever goes wrong is a warning.
 *
 * @param httpPort - where streams are served on this machine, if they are
 */
export async function announceOnce(
  session: Session,
  { publicKey, primaryServers, report }: PublishedSite,
  httpPort: number,
): Promise<void> {
  const record = report.generation.snapshotRecord;
  if (publicKey === undefined || record === undefined) return;
  const { signal } = session;
  warn(
    session,
    await announceGeneration(primaryServers, { publicKey, record, httpPort }, { signal }),
  );
}

/** Tells them after every generation of a watch; warns once of each server, until it is reached again. */
export function announceAll(session: Session, path: string, port: number): Announcer {
  let known: ReadonlySet<string> = new Set();
  return startAnnouncer(path, port, {
    onUntold: (untold) => {
      const fresh = untold.filter(({ url }) => !known.has(url));
      known = new Set(untold.map(({ url }) => url));
      warn(session, fresh);
    },
    onError: (error) => complain(session, error),
  });
}

function warn({ terminal }: Session, untold: readonly Untold[]): void {
  if (untold.length === 0) return;
  const said = untold.map(({ url, problem }) =>
    problem.startsWith(url.replace(/\/$/, '')) ? problem : `${url} (${problem})`,
  );
  const about = visible(said.join('; '));
  terminal.complain('warning', `published, but could not tell of it: ${about}`);
}

function complain({ terminal }: Session, error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  terminal.complain('warning', `published, but no server could be told of it: ${reason}`);
}
