/** `drayer mirror --serve`: serves the mirror that was made and follows its source, until it is stopped. */
import { EXIT } from '../../core/errors.ts';
import type { HeldMirror } from '../../mirror/find-mirror.ts';
import { type Following, followStream } from '../../mirror/follow-stream.ts';
import type { MirrorReport } from '../../mirror/mirror.ts';
import { bytes } from '../format.ts';
import { printProblem, timeOfDay } from '../running.ts';
import { startServing } from '../serving.ts';
import type { Session } from '../session.ts';
import type { MirrorFlags } from './mirror.ts';
import { jsonReport } from './mirror-output.ts';

/** Serves and follows. */
export async function serveMirror(
  session: Session,
  mirrored: HeldMirror,
  { url, live, port, host, lan }: MirrorFlags & { readonly url: string },
): Promise<number> {
  const { terminal, signal } = session;
  const { path } = mirrored;
  const settings = await session.settings({ port, host, lan });
  let following: Following | undefined;
  const daemon = await startServing(session, settings, {
    streams: [{ path }],
    live,
    // What follows the source tells of its generations.
    onGeneration: undefined,
    // The one stream that is served.
    onAnnounced: () => following?.pull(),
  });
  following = followStream(mirrored, {
    url,
    signal,
    onGeneration: (report) => {
      const time = new Date().toISOString();
      if (terminal.isJson) terminal.printJson({ time, ...jsonReport(report) });
      else terminal.print(lineOf(report));
    },
    onProblem: (problem) => {
      const next = 'the newest generation that came stays; it is tried again and again';
      printProblem(session, problem, { about: { id: mirrored.id, path }, next });
    },
    onMended: () => terminal.say(`${url} is followed again`),
  });
  try {
    terminal.say(`following ${url}`);
    await Promise.all([daemon.closed, following.closed]);
    return EXIT.done;
  } finally {
    await following.close();
    await daemon.close();
  }
}

/** `14:03:25  12 KB fetched  generation 7`. */
function lineOf({ generation, bytes: fetched }: MirrorReport): string {
  const { snapshot } = generation;
  const seq = snapshot === undefined ? '' : `  generation ${snapshot.seq}`;
  return `${timeOfDay()}  ${bytes(fetched)} fetched${seq}`;
}
