/** `drayer recover [stream] --from URL`: an own stream that is behind what its key has signed (R11). */
import { existsSync } from 'node:fs';
import { EXIT } from '../../core/errors.ts';
import type { MirrorReport } from '../../mirror/mirror.ts';
import { recoverStream } from '../../mirror/recover.ts';
import { keyPathOf } from '../../store/key-file.ts';
import { bytes, count, shellWord } from '../format.ts';
import { startProgress } from '../progress.ts';
import type { Session } from '../session.ts';
import { chooseStream, type StreamFlags } from './choose-stream.ts';

/** Flags of `drayer recover`. */
export type RecoverFlags = StreamFlags & { readonly from: string };

/** Fetches the newest state of an own stream; its file may be old, or lost. */
export async function recover(
  session: Session,
  name: string | undefined,
  { from, ...flags }: RecoverFlags,
): Promise<number> {
  const { terminal, signal } = session;
  const isOwn = ({ path }: { path: string }): boolean => existsSync(keyPathOf(path));
  const stream = await chooseStream(
    session,
    name,
    flags,
    (one) => isOwn(one) || existsSync(one.path),
  );
  const progress = startProgress(terminal);
  let report: MirrorReport;
  try {
    report = await recoverStream(stream.path, from, {
      signal,
      onProgress: (state) =>
        progress.update(`${count(state.records, 'record')}, ${bytes(state.bytes)}`),
    });
  } finally {
    progress.finish();
  }
  const { generation, changed, id, path } = report;
  const seq = generation.snapshot?.seq;
  if (terminal.isJson) {
    terminal.printJson({ path, id, changed, seq, tip: generation.tip, records: generation.count });
    return EXIT.done;
  }
  const state = `${seq === undefined ? '' : `generation ${seq}, `}${count(generation.count, 'record')}`;
  const outcome = changed ? `recovered ${path} from ${from}` : `${path} is as new as ${from}`;
  terminal.print(`${outcome}: ${state}`);
  const target = stream.directory === undefined ? '' : ` ${shellWord(stream.directory)}`;
  terminal.print(`it can be published to again: drayer publish${target}`);
  return EXIT.done;
}
