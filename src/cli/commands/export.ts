/** `drayer export [stream] <dir>`: the site of a stream as files in a new folder. */
import { EXIT } from '../../core/errors.ts';
import { type ExportReport, exportSite } from '../../publish/export-site.ts';
import { openReader } from '../../store/open-reader.ts';
import { bytes, count } from '../format.ts';
import { startProgress } from '../progress.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';
import { chooseStream, type StreamFlags } from './choose-stream.ts';

/** Flags of `drayer export`. */
export type ExportFlags = StreamFlags & { readonly skipUnsafe?: boolean | undefined };

/** Writes the site; with one argument that is the folder, with two the first is the stream. */
export async function exportStream(
  session: Session,
  first: string,
  second: string | undefined,
  { skipUnsafe, ...flags }: ExportFlags,
): Promise<number> {
  const { terminal, signal } = session;
  const directory = second ?? first;
  const { path } = await chooseStream(session, second === undefined ? undefined : first, flags);
  const progress = startProgress(terminal);
  const reader = openReader(path);
  let report: ExportReport;
  try {
    report = await exportSite(reader, directory, {
      signal,
      skipUnsafe,
      onProgress: ({ files, totalFiles, bytes: done }) =>
        progress.update(`${count(files, 'file')}, ${bytes(done)}`, files, totalFiles),
    });
  } finally {
    progress.finish();
    reader.close();
  }
  const { generation, skipped, ...rest } = report;
  for (const { key, message } of skipped) {
    terminal.complain('warning', `left out ${visible(key)}: ${message}`);
  }
  if (terminal.isJson) {
    terminal.printJson({ stream: path, ...rest, skipped, seq: generation.snapshot?.seq });
    return EXIT.done;
  }
  const seq = generation.snapshot === undefined ? '' : `, generation ${generation.snapshot.seq}`;
  const what = `${count(report.files, 'file')}, ${bytes(report.bytes)}${seq}`;
  terminal.print(`exported ${report.directory}: ${what}`);
  if (skipped.length > 0) terminal.complain('warning', `${count(skipped.length, 'file')} left out`);
  return EXIT.done;
}
