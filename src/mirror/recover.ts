/**
 * `drayer recover` (R11): an own stream whose file is behind what its key has signed, after a restored
 * backup or a power cut, or is lost, is brought forward from a server that has the newer state. Only
 * then may it be written to again.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { keyPathOf, publicKeyOf, readKeyFile } from '../store/key-file.ts';
import {
  type Mark,
  markOf,
  markPathOf,
  markPathOfKey,
  readMark,
  writeMark,
} from '../store/mark.ts';
import { openMirrorStore } from '../store/mirror-store.ts';
import type { Generation } from '../store/reader.ts';
import {
  damagedPathOf,
  isDamaged,
  owesSignatures,
  putBack,
  removeEmpty,
  setAside,
} from '../store/set-aside.ts';
import { hasFile } from '../store/stream-file.ts';
import { EVERYTHING } from '../store/value-mode.ts';
import type { MirrorOptions } from './mirror.ts';
import { parsePeerUrl } from './peer-url.ts';
import { type MirrorReport, syncStore } from './sync-store.ts';

/** What {@link recoverStream} is told besides path and server. */
export type RecoverOptions = Pick<MirrorOptions, 'signal' | 'limits' | 'onProgress'> & {
  /** 64 bytes; the key file beside the stream by default. */
  readonly secretKey?: Uint8Array | undefined;
  /** The file that key came from: its mark counts too. */
  readonly keyPath?: string | undefined;
};

/** What a recovery came to. */
export type RecoverReport = MirrorReport & {
  /** Where the file is kept that was there, if it was damaged. */
  readonly damagedPath: string | undefined;
};

/**
 * Brings the own stream at `path` to the newest state a server has; at least to its mark, or not at
 * all. The key must be there, the stream file need not; one that is not as its key has signed it is set
 * aside and fetched anew. A mark that cannot be read counts as none and is written anew.
 *
 * @throws {DrayerError} KEY_NOT_FOUND when it is not an own stream
 * @throws {DrayerError} PEER_INCOMPLETE when the server is behind the mark too
 * @throws {DrayerError} TWO_HISTORIES when the server has another history than the mark or the file
 * @throws {DrayerError} UNREACHABLE, NOT_FOUND, PEER_MISBEHAVED, STREAM_BUSY
 */
export async function recoverStream(
  path: string,
  url: string,
  options: RecoverOptions = {},
): Promise<RecoverReport> {
  const publicKey = publicKeyOf(options.secretKey ?? readKeyFile(keyPathOf(path)));
  const marks = readMarks(path, options.keyPath);
  removeEmpty(path);
  // What a server sent wrongly signed does not take the place of what was set aside for it.
  const isOwn = !owesSignatures(path) && (await isDamaged(path, options.signal));
  const damagedPath = isOwn ? damagedPathOf(path) : undefined;
  if (damagedPath !== undefined) setAside(path);
  try {
    const report = await bringForward({ path, url, publicKey, mark: newest(marks), options });
    writeMarks(marks, report.generation);
    return { ...report, damagedPath };
  } catch (error) {
    const isLeft = damagedPath !== undefined && (!hasFile(path) || owesSignatures(path));
    if (isLeft) putBack(path);
    throw error;
  }
}

type Recovery = {
  readonly path: string;
  readonly url: string;
  readonly publicKey: Uint8Array;
  readonly mark: Mark | undefined;
  readonly options: RecoverOptions;
};

async function bringForward(recovery: Recovery): Promise<MirrorReport> {
  const { path, url, publicKey, mark, options } = recovery;
  const { signal, limits, onProgress } = options;
  const peer = parsePeerUrl(url);
  // The mark is what this stream is measured by; a trust state is for streams of others.
  const store = openMirrorStore(path, publicKey, { trust: trustOf(mark), mode: EVERYTHING });
  try {
    const report = await syncStore(store, { peers: [peer], signal, limits, onProgress });
    if (report.generation.tip < (mark?.modified ?? 0)) throw behind(url, publicKey);
    return report;
  } catch (error) {
    throw isDrayerError(error, 'PEER_INCOMPLETE') && store.visible === undefined
      ? behind(url, publicKey, error)
      : error;
  } finally {
    store.close();
  }
}

type HeldMark = { readonly path: string; readonly mark: Mark | undefined };

/** The mark beside the stream, and the one beside a key that lies elsewhere. */
function readMarks(streamPath: string, keyPath: string | undefined): HeldMark[] {
  const own = markPathOf(streamPath);
  const paths = new Set([own, keyPath === undefined ? own : markPathOfKey(keyPath)]);
  return [...paths].map((path) => ({ path, mark: readMarkIfSound(path) }));
}

function readMarkIfSound(path: string): Mark | undefined {
  try {
    return readMark(path);
  } catch (error) {
    // To refuse because of it would leave no way out: this is the way out.
    if (isDrayerError(error, 'STREAM_BEHIND_MARK')) return undefined;
    throw error;
  }
}

function newest(marks: readonly HeldMark[]): Mark | undefined {
  const sound = marks.flatMap(({ mark }) => (mark === undefined ? [] : [mark]));
  return sound.sort((a, b) => b.modified - a.modified)[0];
}

function writeMarks(marks: readonly HeldMark[], generation: Generation): void {
  // An empty stream's mark would say that the key has signed nothing, which nobody knows.
  if (generation.tip === 0) return;
  for (const { path, mark } of marks) {
    if (generation.tip > (mark?.modified ?? 0)) writeMark(path, markOf(generation));
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
