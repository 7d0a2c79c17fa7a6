/** `drayer recover [stream] --from URL`: an own stream that is behind what its key has signed (R11). */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { EXIT } from '../../core/errors.ts';
import { type KeyFlags, keyFor } from '../../daemon/given-key.ts';
import type { KnownStream } from '../../daemon/known-streams.ts';

import { type RecoverReport, recoverStream } from '../../mirror/recover.ts';
import { keyPathOf } from '../../store/key-file.ts';
import { markPathOf } from '../../store/mark.ts';
import { bytes, count, shellWord } from '../format.ts';
import { startProgress } from '../progress.ts';
import type { Session } from '../session.ts';
import { takeKey } from '../take-key.ts';
import { chooseStream, type StreamFlags } from './choose-stream.ts';

/** Flags of `drayer recover`. */
export type RecoverFlags = StreamFlags & KeyFlags & { readonly from: string };

/** Fetches the newest state of an own stream; its file may be old, or lost. */
export async function recover(
  session: Session,
  name: string | undefined,
  { from, ...flags }: RecoverFlags,
): Promise<number> {
  const { terminal, signal } = session;
  const given = await takeKey(session, flags);
  const stream = await chooseOwn(session, name, flags, given !== undefined);
  const key = keyFor(given, stream);
  const progress = startProgress(terminal);
  let report: RecoverReport;
  try {
    report = await recoverStream(stream.path, from, {
      ...key,
      signal,
      onProgress: (state) =>
        progress.update(`${count(state.records, 'record')}, ${bytes(state.bytes)}`),
    });
  } finally {
    progress.finish();
  }
  const { generation, changed, id, path, damagedPath } = report;
  const seq = generation.snapshot?.seq;
  if (terminal.isJson) {
    const { tip, count: records } = generation;
    terminal.printJson({ path, id, changed, seq, tip, records, damagedPath });
    return EXIT.done;
  }
  const state = `${seq === undefined ? '' : `generation ${seq}, `}${count(generation.count, 'record')}`;
  const standing = report.source === 'behind' ? 'newer than' : 'as new as';
  const outcome = changed ? `recovered ${path} from ${from}` : `${path} is ${standing} ${from}`;
  terminal.print(`${outcome}: ${state}`);
  if (damagedPath !== undefined) terminal.say(`the damaged file is kept: ${damagedPath}`);
  const target = stream.directory === undefined ? '' : ` ${shellWord(stream.directory)}`;
  terminal.print(`it can be published to again: drayer publish${target}`);
  return EXIT.done;
}

/** Also a stream whose file is gone is meant by its path: its key or its mark is there. */
async function chooseOwn(
  session: Session,
  name: string | undefined,
  flags: StreamFlags,
  isKeyGiven: boolean,
): Promise<KnownStream> {
  const path = name === undefined ? undefined : resolve(name);
  if (path !== undefined && !existsSync(path) && (isOwn({ path }) || path.endsWith('.stream'))) {
    return { path, name: undefined, directory: undefined, keyFile: undefined };
  }
  return chooseStream(
    session,
    name,
    flags,
    (one) => isKeyGiven || isOwn(one) || existsSync(one.path),
  );
}

function isOwn({ path, keyFile }: Pick<KnownStream, 'path'> & Partial<KnownStream>): boolean {
  return [keyPathOf(path), markPathOf(path), ...(keyFile === undefined ? [] : [keyFile])].some(
    (one) => existsSync(one),
  );
}
