/** `drayer mirror <url> [id]`: a checked copy of somebody's stream, or the newest generation of one held. */
import { resolve } from 'node:path';
import { DrayerError, EXIT, isDrayerError } from '../../core/errors.ts';
import { parseStreamId } from '../../core/stream-id.ts';
import { mirrorPathOf } from '../../mirror/data-dir.ts';
import { findMirror, type HeldMirror } from '../../mirror/find-mirror.ts';
import { mirrorStream } from '../../mirror/mirror.ts';
import { parsePeerUrl } from '../../mirror/peer-url.ts';
import { listRemoteStreams, type RemoteStream } from '../../mirror/remote-streams.ts';
import type { MirrorProgress } from '../../mirror/session.ts';
import { bytes, count } from '../format.ts';
import { type Progress, startProgress } from '../progress.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';
import { jsonReport, printReport } from './mirror-output.ts';

/** Flags of `drayer mirror`. */
export type MirrorFlags = {
  readonly stream?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly serve?: boolean | undefined;
  readonly live?: boolean | undefined;
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly lan?: boolean | undefined;
};

/** Brings a mirror up to date, making it if there is none. */
export async function mirror(
  session: Session,
  url: string,
  id: string | undefined,
  flags: MirrorFlags,
): Promise<number> {
  checkFlags(flags);
  const { terminal, signal } = session;
  const { dataDir } = await session.settings({ dataDir: flags.dataDir });
  const path = flags.stream === undefined ? undefined : resolve(flags.stream);
  const publicKey = await chooseKey(session, url, id);
  const progress = startProgress(terminal);
  let mirrored: HeldMirror;
  try {
    const onProgress = (state: MirrorProgress): void => showProgress(progress, state);
    const report = await mirrorStream({ url, publicKey, path, dataDir, signal, onProgress });
    progress.finish();
    if (terminal.isJson) terminal.printJson(jsonReport(report));
    else printReport(session, report, { url, ...flags });
    mirrored = report;
  } catch (error) {
    // A copy is there to be served while its source is away; whoever follows it says that it is.
    const isAway = flags.serve === true && isDrayerError(error, 'UNREACHABLE');
    const held = isAway
      ? findMirror(path ?? mirrorPathOf(publicKey, dataDir), publicKey)
      : undefined;
    if (held === undefined) throw error;
    mirrored = held;
  } finally {
    progress.finish();
  }
  if (!flags.serve) return EXIT.done;
  const { serveMirror } = await import('./mirror-serve.ts');
  return serveMirror(session, mirrored, { url, ...flags });
}

function checkFlags({ serve, live, port, host, lan }: MirrorFlags): void {
  if (serve || (live ?? port ?? host ?? lan) === undefined) return;
  throw new DrayerError('USAGE', '--live, --port, --host and --lan are for --serve', {
    hint: 'drayer mirror URL --serve serves the mirror and follows its source',
  });
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
