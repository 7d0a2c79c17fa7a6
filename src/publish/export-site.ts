/**
 * Writes the site of a stream into a folder (THREATS A16): one generation, whole or not at all. It grows
 * in a folder of its own that nobody else can enter, and is put in place when the last file is written.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import type { SignedRecord } from '../core/record.ts';
import { decodeFile, inflateFile } from '../files/file-record.ts';
import { fileError } from '../store/durable-file.ts';
import type { Generation, StreamReader } from '../store/reader.ts';
import { FILE_TYPE, readBytes } from '../store/typed-reads.ts';
import { type ExportFault, findExportFaults } from './export-names.ts';

/** Options of {@link exportSite}. */
export type ExportOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with what is written so far. */
  readonly onProgress?: ((progress: ExportProgress) => void) | undefined;
  /** Leave out the files that cannot be written, in place of writing none. */
  readonly skipUnsafe?: boolean | undefined;
};

/** How far an export is. */
export type ExportProgress = {
  readonly files: number;
  readonly totalFiles: number;
  readonly bytes: number;
};

/** What an export came to. */
export type ExportReport = {
  /** Absolute. */
  readonly directory: string;
  readonly files: number;
  readonly bytes: number;
  readonly generation: Generation;
  /** What was left out, with `skipUnsafe`. */
  readonly skipped: readonly ExportFault[];
};

/**
 * Writes every file of a stream into a folder that is not there yet, or empty. The files get the times
 * that their records name.
 *
 * @throws {DrayerError} USAGE when the folder has something in it; DIRECTORY_NOT_FOUND when the one above
 *   it is missing
 * @throws {DrayerError} PATH_INVALID naming the files that are not safe to write; nothing was then
 * @throws {DrayerError} VALUE_NOT_HELD when this mirror has not all of it; STORAGE_FAILED, ABORTED
 */
export async function exportSite(
  reader: StreamReader,
  directory: string,
  options: ExportOptions = {},
): Promise<ExportReport> {
  const target = findTarget(directory);
  const release = reader.pin();
  try {
    // R10: of two records of one key, which another program may have left, one counts.
    const byKey = new Map(Array.from(reader.entries({ type: FILE_TYPE }), (one) => [one.key, one]));
    const records = [...byKey.values()];
    checkHeld(reader, records);
    const skipped = findExportFaults(records.map(({ key }) => key));
    if (!options.skipUnsafe) refuse(skipped);
    const unsafe = new Set(skipped.map(({ key }) => key));
    const wanted = records.filter(({ key }) => !unsafe.has(key));
    const written = await writeApart(reader, { wanted, target, options });
    const { damaged, ...rest } = written;
    const generation = reader.generation();
    return { ...rest, directory: target.path, generation, skipped: [...skipped, ...damaged] };
  } finally {
    release();
  }
}

type Target = { readonly path: string; readonly isThere: boolean };

function findTarget(directory: string): Target {
  const path = resolve(directory);
  if (!existsSync(path)) {
    // A link that leads nowhere is there all the same.
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw isTaken(path, 'a link');
    if (existsSync(dirname(path))) return { path, isThere: false };
    throw new DrayerError('DIRECTORY_NOT_FOUND', `${dirname(path)}: no such directory`, {
      hint: `make it first: mkdir -p ${JSON.stringify(dirname(path))}`,
    });
  }
  const real = realpathSync.native(path);
  if (!lstatSync(real).isDirectory()) throw isTaken(path, 'a file');
  if (readdirSync(real).length > 0) throw isTaken(path, 'a folder with something in it');
  return { path: real, isThere: true };
}

function isTaken(path: string, what: string): DrayerError {
  return new DrayerError('USAGE', `${path}: expected a new or an empty folder, found ${what}`, {
    hint: 'export into a folder of another name, and compare or move it then',
  });
}

function checkHeld(reader: StreamReader, records: readonly SignedRecord[]): void {
  const missing = records.filter((record) => reader.valueSize(record) === undefined);
  const [first] = missing;
  if (first === undefined) return;
  const more = missing.length === 1 ? '' : ` and ${missing.length - 1} more`;
  const message = `the content of ${JSON.stringify(first.key)}${more} is not held here; nothing was written`;
  throw new DrayerError('VALUE_NOT_HELD', message);
}

const MOST_LISTED = 20;

function refuse(faults: readonly ExportFault[]): void {
  if (faults.length === 0) return;
  const lines = faults.slice(0, MOST_LISTED).map(({ key, message }) => `${key}: ${message}`);
  if (faults.length > MOST_LISTED) lines.push(`and ${faults.length - MOST_LISTED} more`);
  const list = lines.map((line) => line.replaceAll('\n', '\\x0a')).join('\n');
  const files = faults.length === 1 ? 'a file' : `${faults.length} files`;
  throw new DrayerError('PATH_INVALID', `nothing was written because of ${files}:\n${list}`, {
    hint: 'write all the others: --skip-unsafe; one file: drayer cat STREAM PATH',
  });
}

type Work = {
  readonly wanted: readonly SignedRecord[];
  readonly target: Target;
  readonly options: ExportOptions;
};
type Written = { files: number; bytes: number; damaged: ExportFault[] };

async function writeApart(reader: StreamReader, work: Work): Promise<Written> {
  const { target, options } = work;
  // In the folder that is there, which may be a disk of its own, or beside the one that is to come.
  const above = target.isThere ? target.path : dirname(target.path);
  const part = join(above, `.drayer-export-${randomBytes(6).toString('hex')}`);
  try {
    mkdirSync(part, 0o700);
    const written = await writeFiles(reader, part, work);
    if (!options.skipUnsafe) refuse(written.damaged);
    putInPlace(part, target);
    return written;
  } catch (cause) {
    throw isDrayerError(cause) ? cause : fileError(target.path, 'cannot write the site', cause);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

/** Bytes after which other things, such as a signal, get their turn. */
const TURN_BYTES = 4 * 1024 * 1024;

async function writeFiles(
  reader: StreamReader,
  part: string,
  { wanted, options }: Work,
): Promise<Written> {
  const { signal, onProgress } = options;
  const written: Written = { files: 0, bytes: 0, damaged: [] };
  const folders = new Set<string>();
  let turn = 0;
  for (const { key } of wanted) {
    if (turn <= 0) {
      await setImmediate();
      turn = TURN_BYTES;
    }
    if (signal?.aborted) throw new DrayerError('ABORTED', 'stopped; nothing was written');
    const file = readFile(reader, key);
    if ('message' in file) {
      written.damaged.push(file);
      continue;
    }
    writeFile(join(part, ...key.split('/')), file, folders);
    written.files += 1;
    written.bytes += file.content.length;
    turn -= file.content.length + TURN_BYTES / 100;
    onProgress?.({ files: written.files, totalFiles: wanted.length, bytes: written.bytes });
  }
  return written;
}

type SiteFile = { readonly content: Uint8Array; readonly timeMicros: number };

function readFile(reader: StreamReader, key: string): SiteFile | ExportFault {
  const value = readBytes(reader, FILE_TYPE, key) ?? new Uint8Array();
  try {
    return { content: inflateFile(value), timeMicros: decodeFile(value).timeMicros };
  } catch (error) {
    // R24: an error for that file alone.
    if (isDrayerError(error, 'FILE_RECORD_INVALID')) return { key, message: error.message };
    throw error;
  }
}

/** The last second of the year 9999, beyond which many programs show nonsense. */
const LAST_SECOND = 253_402_300_799;

function writeFile(path: string, file: SiteFile, folders: Set<string>): void {
  const folder = dirname(path);
  if (!folders.has(folder)) mkdirSync(folder, { recursive: true });
  folders.add(folder);
  // Nothing is there, and no link is followed: whatever this disk takes for the same name is an error.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const fd = openSync(path, flags | (constants.O_NOFOLLOW ?? 0), 0o666);
  try {
    writeFileSync(fd, file.content);
    const seconds = Math.min(LAST_SECOND, Math.max(0, file.timeMicros / 1e6));
    futimesSync(fd, seconds, seconds);
  } finally {
    closeSync(fd);
  }
}

function putInPlace(part: string, { path, isThere }: Target): void {
  if (!isThere) {
    // As any new folder: for a site there is nothing to hide.
    chmodSync(part, 0o777 & ~process.umask());
    if (existsSync(path)) throw isTaken(path, 'something that came meanwhile');
    renameSync(part, path);
    return;
  }
  const moved: string[] = [];
  try {
    for (const name of readdirSync(part)) {
      if (existsSync(join(path, name))) throw isTaken(path, 'something that came meanwhile');
      renameSync(join(part, name), join(path, name));
      moved.push(name);
    }
    rmdirSync(part);
  } catch (error) {
    for (const name of moved) renameSync(join(path, name), join(part, name));
    throw error;
  }
}
