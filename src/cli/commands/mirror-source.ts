/** Which stream `drayer mirror` is about, where the address offers several; and how far it is. */
import { DrayerError } from '../../core/errors.ts';
import { parseStreamId } from '../../core/stream-id.ts';
import { parsePeerUrl } from '../../mirror/peer-url.ts';
import { listRemoteStreams, type RemoteStream } from '../../mirror/remote-streams.ts';
import type { MirrorProgress } from '../../mirror/session.ts';
import { bytes, count } from '../format.ts';
import type { Progress } from '../progress.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';

/** The stream that is meant: as named, or the one that is offered, or the one a person picks. */
export async function chooseKey(
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

/** Shows how far a mirror is. */
export function showProgress(progress: Progress, state: MirrorProgress): void {
  const { phase, records, values, valuesLeft } = state;
  const got = bytes(state.bytes);
  if (phase === 'records') progress.update(`${count(records, 'record')}, ${got}`);
  else if (phase === 'finish') progress.update('checking the whole and putting it in place');
  else progress.update(`${count(valuesLeft, 'value')} to go, ${got}`, values, values + valuesLeft);
}
