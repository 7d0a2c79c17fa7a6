/** `drayer mirror <url> [id]`: a checked copy of somebody's stream, or the newest generation of one held. */
import { resolve } from 'node:path';
import { DrayerError, EXIT } from '../../core/errors.ts';
import { parseStreamId } from '../../core/stream-id.ts';
import { type MirrorReport, mirrorStream } from '../../mirror/mirror.ts';
import { parsePeerUrl } from '../../mirror/peer-url.ts';
import { listRemoteStreams, type RemoteStream } from '../../mirror/remote-streams.ts';
import type { MirrorProgress } from '../../mirror/session.ts';
import { bytes, count, shellWord } from '../format.ts';
import { type Progress, startProgress } from '../progress.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';

/** Flags of `drayer mirror`. */
export type MirrorFlags = {
  readonly stream?: string | undefined;
  readonly dataDir?: string | undefined;
};

/** Brings a mirror up to date, making it if there is none. */
export async function mirror(
  session: Session,
  url: string,
  id: string | undefined,
  flags: MirrorFlags,
): Promise<number> {
  const { terminal, signal } = session;
  const { dataDir } = await session.settings({ dataDir: flags.dataDir });
  const path = flags.stream === undefined ? undefined : resolve(flags.stream);
  const publicKey = await chooseKey(session, url, id);
  const progress = startProgress(terminal);
  let report: MirrorReport;
  try {
    const onProgress = (state: MirrorProgress): void => showProgress(progress, state);
    report = await mirrorStream({ url, publicKey, path, dataDir, signal, onProgress });
  } finally {
    progress.finish();
  }
  if (terminal.isJson) terminal.printJson(jsonReport(report));
  else printReport(session, report, url, flags.stream);
  return EXIT.done;
}

async function chooseKey(
  session: Session,
  url: string,
  id: string | undefined,
): Promise<Uint8Array> {
  const named = parsePeerUrl(url).publicKey;
  // As `drayer serve` prints it.
  if (id !== undefined) return parseStreamId(id.replace(/\.localhost$/i, ''));
  if (named !== undefined) return named;
  const offered = await listRemoteStreams(url, { signal: session.signal });
  const [only] = offered;
  if (only === undefined) {
    throw new DrayerError('NOT_FOUND', `${url} shows no streams`, {
      hint: `it may hide what it has; name the stream: drayer mirror ${url} STREAM_ID`,
    });
  }
  if (offered.length === 1) return parseStreamId(only.id);
  if (session.terminal.isInteractive) return parseStreamId(await ask(url, offered));
  throw new DrayerError('INPUT_NEEDED', `${url} offers ${offered.length} streams: which one?`, {
    hint: `drayer mirror ${url} ID, with one of ${offered.map(label).join(', ')}`,
  });
}

function label({ id, name }: RemoteStream): string {
  return name === undefined ? id : `${id} (${visible(name)})`;
}

async function ask(url: string, offered: readonly RemoteStream[]): Promise<string> {
  const { isCancel, select } = await import('@clack/prompts');
  const answer = await select({
    message: `${url} offers ${offered.length} streams. Which one?`,
    options: offered.map((stream) => ({ value: stream.id, label: label(stream) })),
    // stdout is for results.
    output: process.stderr,
  });
  if (isCancel(answer)) throw new DrayerError('INPUT_NEEDED', 'no stream was chosen');
  return answer;
}

function showProgress(progress: Progress, state: MirrorProgress): void {
  const { phase, records, values, valuesLeft } = state;
  const got = bytes(state.bytes);
  if (phase === 'records') progress.update(`${count(records, 'record')}, ${got}`);
  else if (phase === 'finish') progress.update('checking the whole and putting it in place');
  else progress.update(`${count(valuesLeft, 'value')} to go, ${got}`, values, values + valuesLeft);
}

function printReport(
  session: Session,
  report: MirrorReport,
  url: string,
  stream: string | undefined,
): void {
  const { terminal } = session;
  const { generation, id, path } = report;
  const seq = generation.snapshot === undefined ? '' : `generation ${generation.snapshot.seq}, `;
  const state = `${seq}${count(generation.count, 'record')}`;
  if (report.changed) {
    const proof = report.snapshotProved ? 'proved whole by its snapshot' : 'every record signed';
    terminal.print(`mirrored ${id}: ${state}, ${bytes(report.bytes)} fetched, ${proof}`);
  } else {
    terminal.print(`${terminal.paint('bold', 'up to date')}: ${id}, ${state}`);
  }
  if (report.source === 'behind')
    terminal.complain('warning', `${url} has an older state than this mirror`);
  if (report.source === 'uncovered') {
    const what =
      'has records after its newest snapshot; they are not shown until a snapshot covers them';
    terminal.complain('warning', `${url} ${what}`);
  }
  if (!report.snapshotProved) {
    terminal.say('it has no snapshots: nothing proves that no record was left out');
  }
  terminal.print(`file ${path}`);
  const argument = stream === undefined ? '' : ` ${shellWord(stream)}`;
  terminal.print(`serve it: drayer serve${argument}`);
}

function jsonReport({ generation, ...report }: MirrorReport): object {
  const { tip, count: records, snapshot } = generation;
  const root = snapshot && Buffer.from(snapshot.root).toString('hex');
  return { ...report, tip, records, seq: snapshot?.seq, root };
}
