/** The disk: whether there is room where drayer writes, whether it may write there, and who can read keys. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, rm, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isDrayerError } from '../core/errors.ts';
import { keyPathOf, readKeyFile } from '../store/key-file.ts';
import type { Finding } from './doctor.ts';
import type { KnownStream } from './known-streams.ts';

const MIB = 1024 * 1024;
/** Less is not enough for one file of a site. */
const LEAST_BYTES = 64 * MIB;
const LITTLE_BYTES = 1024 * MIB;
/** What is written to see whether it can be. */
const PROBE_BYTES = 64 * 1024;
const MOST_FOLDERS = 16;

/** Checks the data folder, the folders that streams lie in, and the one for temporary files. */
export async function* checkFolders(
  dataDir: string,
  known: readonly KnownStream[],
): AsyncGenerator<Finding> {
  const folders = new Map([[dataDir, 'data folder']]);
  for (const { path } of known) {
    const folder = dirname(path);
    if (!folders.has(folder) && folders.size < MOST_FOLDERS) folders.set(folder, 'streams');
  }
  if (!folders.has(tmpdir())) folders.set(tmpdir(), 'temporary files');
  for (const [folder, what] of folders) yield await checkFolder(folder, what);
}

async function checkFolder(folder: string, what: string): Promise<Finding> {
  const there = nearestFolder(folder);
  const name = there === folder ? folder : `${folder} (not there yet)`;
  const check = 'disk';
  const cannot = await whyNotWritable(there);
  if (cannot !== undefined) {
    const message = `${what}: nothing can be written in ${name}: ${cannot}`;
    return { check, verdict: 'wrong', message, remedy: REMEDIES[cannot] ?? 'check this folder' };
  }
  const { bavail, bsize } = await statfs(there);
  const free = bavail * bsize;
  const message = `${what}: ${Math.floor(free / MIB)} MiB free in ${name}`;
  if (free >= LITTLE_BYTES) return { check, verdict: 'ok', message };
  const verdict = free < LEAST_BYTES ? 'wrong' : 'warning';
  const remedy = what === 'temporary files' ? `${ROOM}, or set TMPDIR to a place with more` : ROOM;
  return { check, verdict, message, remedy };
}

const ROOM = 'make room on this disk';

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: ROOM,
  EDQUOT: 'make room: this user has used up what he may',
  EACCES: 'check who owns it, and may write there',
  EPERM: 'check who owns it, and may write there',
  EROFS: 'it is mounted for reading only: choose another, or mount it for writing',
  ENOTDIR: 'a file is in the place of a folder: choose another',
};

/** The folder, or the nearest above that is there: where it would be made. */
function nearestFolder(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearestFolder(dirname(folder));
}

/** The system's name for what is wrong; undefined where nothing is. */
async function whyNotWritable(folder: string): Promise<string | undefined> {
  const path = join(folder, `.drayer-doctor-${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(randomBytes(PROBE_BYTES));
      await file.sync();
    } finally {
      await file.close();
    }
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  } finally {
    await rm(path, { force: true }).catch(() => {});
  }
}

/** Checks each secret key that lies here. */
export async function* checkKeys(known: readonly KnownStream[]): AsyncGenerator<Finding> {
  let count = 0;
  let good = 0;
  for (const { path, keyFile = keyPathOf(path) } of known) {
    if (!existsSync(keyFile)) continue;
    count += 1;
    const problem = checkKey(keyFile) ?? (await checkKeyFolder(keyFile));
    if (problem === undefined) good += 1;
    else yield problem;
  }
  if (good < count) return;
  const message =
    count === 0
      ? 'there are no secret keys here'
      : `${count === 1 ? 'the secret key' : `${count} secret keys`} can be read by nobody else`;
  yield { check: 'keys', verdict: 'ok', message };
}

function checkKey(keyFile: string): Finding | undefined {
  try {
    readKeyFile(keyFile).fill(0);
    return undefined;
  } catch (error) {
    if (!isDrayerError(error)) throw error;
    const { message, hint: remedy } = error;
    return { check: 'keys', verdict: 'wrong', message, remedy };
  }
}

/** Who can write in a folder can put another key in the place of this one. */
async function checkKeyFolder(keyFile: string): Promise<Finding | undefined> {
  const folder = dirname(keyFile);
  const { mode } = await stat(folder);
  // With the sticky bit, as in /tmp, only owners replace files.
  if (process.platform === 'win32' || (mode & 0o002) === 0 || (mode & 0o1000) !== 0) {
    return undefined;
  }
  return {
    check: 'keys',
    verdict: 'warning',
    message: `${folder}: every user of this machine can replace the secret key in it`,
    remedy: `run: chmod o-w ${JSON.stringify(folder)}`,
  };
}
