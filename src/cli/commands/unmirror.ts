/** `drayer unmirror <stream>`: removes a whole mirror; never a stream of one's own. */
import { existsSync } from 'node:fs';
import { DrayerError, EXIT } from '../../core/errors.ts';
import { formatStreamId } from '../../core/stream-id.ts';
import { findDaemon } from '../../daemon/control-client.ts';
import { keptPathOf, readKept } from '../../daemon/kept-mirrors.ts';
import type { KnownStream } from '../../daemon/known-streams.ts';
import { type RemovedMirror, removeMirrorFiles } from '../../daemon/remove-mirror.ts';
import { readStreamId } from '../../daemon/stream-facts.ts';
import { mirrorPathOf } from '../../mirror/data-dir.ts';
import { hasFile } from '../../store/stream-file.ts';
import { keyIn } from '../find-nearby.ts';
import { bytes, shellWord } from '../format.ts';
import type { Session } from '../session.ts';
import { chooseStream, type StreamFlags } from './choose-stream.ts';

/** Removes a mirror of the data folder, through the daemon where one runs. */
export async function unmirror(
  session: Session,
  name: string,
  flags: StreamFlags,
): Promise<number> {
  const { terminal, signal } = session;
  const { dataDir } = await session.settings({ dataDir: flags.dataDir });
  const publicKey = awaitedKey(name, dataDir) ?? (await mirrorKey(session, name, flags));
  const id = formatStreamId(publicKey);
  const path = mirrorPathOf(publicKey, dataDir);
  const [url] = readKept(path)?.urls ?? [];
  const link = await findDaemon(dataDir);
  const removed: RemovedMirror =
    link === undefined
      ? removeMirrorFiles(path, publicKey)
      : await link.ask({ do: 'unmirror', id }, { signal });
  if (terminal.isJson) {
    terminal.printJson({ id, ...removed, source: url });
    return EXIT.done;
  }
  terminal.print(`removed the mirror of ${id}: ${bytes(removed.bytes)} freed`);
  const from = url === undefined ? 'URL' : shellWord(url);
  const label = formatStreamId(publicKey, 'base64url');
  terminal.say(`drayer mirror ${from} ${label} copies it again`);
  return EXIT.done;
}

/** The key of a mirror of which nothing has come yet: there is no stream to look at. */
function awaitedKey(name: string, dataDir: string): Uint8Array | undefined {
  const publicKey = keyIn(name);
  const path = publicKey && mirrorPathOf(publicKey, dataDir);
  return path !== undefined && !hasFile(path) && existsSync(keptPathOf(path))
    ? publicKey
    : undefined;
}

async function mirrorKey(session: Session, name: string, flags: StreamFlags): Promise<Uint8Array> {
  const { dataDir } = await session.settings({ dataDir: flags.dataDir });
  const stream = await chooseStream(session, name, flags);
  const { publicKey } = readStreamId(stream.path);
  checkIsMirror(stream, mirrorPathOf(publicKey, dataDir));
  return publicKey;
}

/** Only what `drayer mirror` has put into the data folder, under the name it gave. */
function checkIsMirror({ path, directory, name }: KnownStream, expected: string): void {
  if (path === expected && directory === undefined && hasFile(path)) return;
  const what = directory ?? name ?? path;
  throw new DrayerError(
    'STREAM_READ_ONLY',
    `${what}: nothing was removed: it is no mirror of the data folder`,
    {
      hint: `drayer list shows the mirrors; a stream of your own is removed by hand, with its key: ${path}`,
    },
  );
}
