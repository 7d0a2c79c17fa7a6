/**
 * `drayer.lock`: what was published last, in a file that its owner commits beside the site. It is the
 * memory of a runner that has none: a server that shows less than this is not believed (THREATS A11).
 */
import { provesTwoGenerations } from '../core/completeness.ts';
import { DrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import { fileError, readTextIfThere, replaceSynced } from '../store/durable-file.ts';
import type { Mark } from '../store/mark.ts';
import type { Generation } from '../store/reader.ts';

/** What one stream was when it was published last. */
export type LockEntry = { readonly seq: number; readonly root: string; readonly tip: Micros };

type LockFile = Record<string, LockEntry>;

/**
 * Reads what a lock file says of a stream.
 *
 * @param id - the stream id, base64
 * @returns undefined where there is no such file, or nothing of this stream in it
 * @throws {DrayerError} CONFIG_INVALID when it cannot be understood
 */
export function readLock(path: string, id: string): LockEntry | undefined {
  return readEntries(path)[id];
}

/**
 * Writes down what a stream is now; what the file says of other streams stays.
 *
 * @returns whether that is news
 * @throws {DrayerError} STORAGE_FAILED
 */
export function writeLock(path: string, id: string, generation: Generation): boolean {
  const entries = readEntries(path);
  const { snapshot, tip } = generation;
  const root = Buffer.from(snapshot?.root ?? new Uint8Array(32)).toString('hex');
  const entry = { seq: snapshot?.seq ?? 0, root, tip };
  if (JSON.stringify(entries[id]) === JSON.stringify(entry)) return false;
  const sorted = Object.entries({ ...entries, [id]: entry }).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = `${JSON.stringify({ version: 1, streams: Object.fromEntries(sorted) }, null, 2)}\n`;
  try {
    replaceSynced(path, text, 0o644);
  } catch (cause) {
    throw fileError(path, 'cannot write what was published', cause);
  }
  return true;
}

/** What a server's state is compared with. */
export type Known = {
  /** Where this is known from, for the message. */
  readonly from: string;
  readonly seq: number;
  readonly root: Uint8Array;
  readonly tip: Micros;
};

/** Makes one of a lock's entry. */
export function knownFromLock(path: string, { seq, root, tip }: LockEntry): Known {
  return { from: path, seq, root: new Uint8Array(Buffer.from(root, 'hex')), tip };
}

/** Makes one of a mark; undefined where the key has signed nothing yet. */
export function knownFromMark(path: string, mark: Mark | undefined): Known | undefined {
  if (mark === undefined || mark.modified === 0) return undefined;
  return { from: path, seq: mark.seq, root: mark.root, tip: mark.modified };
}

/**
 * Refuses a state that is older than what is known, or of another history.
 *
 * @throws {DrayerError} STREAM_BEHIND_MARK, TWO_HISTORIES
 */
export function checkKnown(url: string, held: Generation, known: Known): void {
  const { seq, root, tip, from } = known;
  const shown = held.snapshot ?? { seq: 0, root: new Uint8Array(32) };
  if (shown.seq < seq || held.tip < tip) throw olderState(url, shown.seq, known);
  const isSame = shown.seq === seq && seq > 0;
  const isFork = seq > 0 && provesTwoGenerations({ seq, root }, shown);
  if (!isFork && !(isSame && held.tip !== tip)) return;
  throw new DrayerError(
    'TWO_HISTORIES',
    `${url}: shows another history of this stream than ${from} (generation ${seq}): the key has signed two`,
    {
      hint: 'nothing was signed; find out which of the two readers have (drayer info), who else has the key, and keep that one: restore the server from a mirror of it, or, if it is the right one, remove the entry from the file',
    },
  );
}

function olderState(url: string, seq: number, known: Known): DrayerError {
  const has = seq === 0 ? 'has no generation of this stream' : `shows generation ${seq}`;
  const message = `${url}: ${has}, but ${known.from} says that generation ${known.seq} was published; to publish now would make a second history`;
  return new DrayerError('STREAM_BEHIND_MARK', message, {
    hint: `nothing was signed; bring the server up to date from a mirror (on it: drayer mirror URL), or publish to the server that has generation ${known.seq}; only if that generation is lost everywhere, remove it from ${known.from}`,
  });
}

function readEntries(path: string): LockFile {
  const text = readTextIfThere(path, 'what was published');
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw notALock(path, 'it is not JSON', cause);
  }
  const { version, streams } = (value ?? {}) as { version?: unknown; streams?: unknown };
  if (version !== 1 || typeof streams !== 'object' || streams === null) {
    throw notALock(path, 'expected {"version": 1, "streams": {…}}');
  }
  for (const [id, entry] of Object.entries(streams)) {
    if (!isEntry(entry)) throw notALock(path, `${id}: expected seq, root and tip`);
  }
  return streams as LockFile; // each entry was looked at
}

function isEntry(value: unknown): value is LockEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { seq, root, tip } = value as Partial<{ [name in keyof LockEntry]: unknown }>;
  const isCounted = [seq, tip].every((n) => Number.isSafeInteger(n) && Number(n) >= 0);
  return isCounted && typeof root === 'string' && /^[0-9a-f]{64}$/.test(root);
}

function notALock(path: string, what: string, cause?: unknown): DrayerError {
  return new DrayerError('CONFIG_INVALID', `${path}: cannot be understood: ${what}`, {
    cause,
    hint: `after a merge, keep the entry with the higher seq; the version that was committed last is right: git checkout -- ${path}`,
  });
}
