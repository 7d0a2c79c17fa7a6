/**
 * `drayer recover` (R11): an own stream whose file is behind what its key has signed, after a restored
 * backup or a power cut, or is lost, is brought forward from a server that has the newer state. Only
 * then may it be written to again.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { keyPathOf, readKeyFile } from '../store/key-file.ts';
import { type Mark, markPathOf, readMark } from '../store/mark.ts';
import { openMirrorStore } from '../store/mirror-store.ts';
import { HttpClient } from './http-client.ts';
import { type MirrorOptions, type MirrorReport, syncStore } from './mirror.ts';
import { parsePeerUrl } from './peer-url.ts';

/**
 * Brings the own stream at `path` to the newest state a server has; at least to its mark, or not at
 * all. The key must be beside it, the stream file need not.
 *
 * @throws {DrayerError} KEY_NOT_FOUND when it is not an own stream
 * @throws {DrayerError} PEER_INCOMPLETE when the server is behind the mark too
 * @throws {DrayerError} TWO_HISTORIES when the server has another history than the mark
 * @throws {DrayerError} UNREACHABLE, NOT_FOUND, PEER_MISBEHAVED, STREAM_BUSY
 */
export async function recoverStream(
  path: string,
  url: string,
  options: Pick<MirrorOptions, 'signal' | 'limits' | 'onProgress'> = {},
): Promise<MirrorReport> {
  const peer = parsePeerUrl(url);
  const publicKey = readKeyFile(keyPathOf(path)).slice(32);
  const mark = readMark(markPathOf(path));
  const http = new HttpClient(options);
  try {
    // The mark is what this stream is measured by; a trust state is for streams of others.
    const store = openMirrorStore(path, publicKey, { trust: trustOf(mark) });
    try {
      const report = await syncStore(store, { http, peer, onProgress: options.onProgress });
      if (report.generation.tip < (mark?.modified ?? 0)) throw behind(url, publicKey);
      return report;
    } catch (error) {
      throw isDrayerError(error, 'PEER_INCOMPLETE') && store.visible === undefined
        ? behind(url, publicKey, error)
        : error;
    } finally {
      store.close();
    }
  } finally {
    http.close();
  }
}

function trustOf(mark: Mark | undefined): {
  tip: number;
  snapshot?: { seq: number; root: Uint8Array };
} {
  if (mark === undefined) return { tip: 0 };
  const { modified: tip, seq, root } = mark;
  return seq === 0 ? { tip } : { tip, snapshot: { seq, root } };
}

function behind(url: string, publicKey: Uint8Array, cause?: unknown): DrayerError {
  const id = formatStreamId(publicKey);
  return new DrayerError('PEER_INCOMPLETE', `${url}: is behind what the key of ${id} has signed`, {
    cause,
    hint: 'give another server with --from; one that mirrored the last publish has it',
  });
}
