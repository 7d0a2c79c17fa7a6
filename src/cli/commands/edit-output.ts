/** What the commands that change a stream by hand have in common: which stream, and what they say. */
import { existsSync, statSync } from 'node:fs';
import type { Config } from '../../config/load-config.ts';
import { DrayerError } from '../../core/errors.ts';
import { type Edited, type EditTarget, editStream } from '../../daemon/edit-stream.ts';
import { type KeyFlags, keyFor } from '../../daemon/given-key.ts';
import type { KnownStream } from '../../daemon/known-streams.ts';
import { streamPathOf } from '../../publish/site-directory.ts';
import { nudge } from '../nudge.ts';
import type { Session } from '../session.ts';
import { takeKey } from '../take-key.ts';
import { chooseStream, type StreamFlags } from './choose-stream.ts';

/** Flags of every command that changes a stream. */
export type EditFlags = StreamFlags & KeyFlags;

/** Finds the stream and its key. */
export async function chooseTarget(
  session: Session,
  name: string | undefined,
  flags: EditFlags,
): Promise<{ readonly stream: KnownStream; readonly target: EditTarget }> {
  // The key first: it leaves the environment before anything else is loaded.
  const given = await takeKey(session, flags);
  const stream = await chooseStream(session, name, flags);
  checkHere(stream, await session.config());
  return { stream, target: { path: stream.path, key: keyFor(given, stream) } };
}

/** Changes the stream as {@link editStream} does; a daemon that serves it knows at once. */
export async function editAndTell<T>(
  session: Session,
  { target, flags }: { readonly target: EditTarget; readonly flags: StreamFlags },
  edit: Parameters<typeof editStream<T>>[1],
): Promise<Edited<T>> {
  const edited = editStream(target, edit);
  if (edited.changed) await nudge(session, edited.path, flags);
  return edited;
}

/** What is written under a lease on a server is written nowhere else: that would be a second history. */
function checkHere({ path }: KnownStream, { streams }: Config): void {
  const entry = streams.find((one) => {
    const own = one.path ?? (one.directory === undefined ? undefined : streamPathOf(one.directory));
    return own === path;
  });
  if (entry?.to === undefined) return;
  throw new DrayerError(
    'STREAM_READ_ONLY',
    `${path}: this stream is on ${entry.to}, and written only there`,
    {
      hint: 'change the folder of the site instead, then: drayer publish',
    },
  );
}

/** The folder a stream is published from, where that can be known. */
export function folderOf({ path, directory }: KnownStream): string | undefined {
  const folder = directory ?? path.replace(/\.stream$/, '');
  const isFolder = folder !== path && existsSync(folder) && statSync(folder).isDirectory();
  return isFolder ? folder : undefined;
}

/** `, generation 5`, where the stream has snapshots. */
export function inGeneration({ generation }: Edited<unknown>): string {
  return generation.snapshot === undefined ? '' : `, generation ${generation.snapshot.seq}`;
}

/** What every such command says with --json. */
export function jsonEdit({ path, id, changed, generation }: Edited<unknown>): object {
  const { tip, count: records, snapshot } = generation;
  const root = snapshot && Buffer.from(snapshot.root).toString('hex');
  return { stream: path, id, changed, seq: snapshot?.seq, root, tip, records };
}
