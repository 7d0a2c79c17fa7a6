/** What SQLite's errors mean to whoever uses a stream. */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { findOpenFault } from './durable-file.ts';

const BINDING_HINT = 'run `npm rebuild better-sqlite3` where drayer is installed';

/** Translates what better-sqlite3 threw; our own errors pass. */
export function storeError(path: string, cause: unknown): unknown {
  if (cause instanceof DrayerError) return cause;
  if (!(cause instanceof Error)) return cause;
  const code = 'code' in cause ? String(cause.code) : '';
  if (
    code === 'MODULE_NOT_FOUND' ||
    code === 'ERR_DLOPEN_FAILED' ||
    /bindings file/.test(cause.message)
  ) {
    const message = 'the binary part of better-sqlite3 cannot be loaded on this machine';
    return new DrayerError('NATIVE_MISSING', message, { cause, hint: BINDING_HINT });
  }
  if (!code.startsWith('SQLITE_')) return cause;
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    const hint = 'wait until the other drayer has finished, then try again';
    const message = `${path}: another process is writing to this stream`;
    return new DrayerError('STREAM_BUSY', message, { cause, hint });
  }
  if (/^SQLITE_(NOTADB|CORRUPT|FORMAT|SCHEMA|CONSTRAINT|MISMATCH)/.test(code)) {
    const hint = RECOVER_ANEW_HINT;
    return new DrayerError('STREAM_INVALID', `${path}: ${cause.message}`, { cause, hint });
  }
  if (/^SQLITE_(READONLY|PERM|AUTH)/.test(code)) {
    const hint = 'check who owns the file and its directory';
    return new DrayerError('STREAM_READ_ONLY', `${path}: cannot be written`, { cause, hint });
  }
  if (code === 'SQLITE_TOOBIG') {
    return new DrayerError('TOO_LARGE', `${path}: a value is too large for SQLite`, { cause });
  }
  // SQLite does not say why; the system does.
  const fault = code.startsWith('SQLITE_CANTOPEN') ? findOpenFault(path) : undefined;
  if (fault !== undefined) return fault;
  const isFull = code === 'SQLITE_FULL';
  const message = isFull ? 'the disk is full' : cause.message;
  const hint = isFull ? 'make room and try again; what was there before is as it was' : undefined;
  return new DrayerError('STORAGE_FAILED', `${path}: ${message} (${code})`, { cause, hint });
}

/** Tells whether an error may mean that a file is damaged or half made; not that there is no room, or no descriptor. */
export function mayBeDamage(error: unknown): boolean {
  if (isDrayerError(error, 'STREAM_INVALID')) return true;
  if (!isDrayerError(error, 'STORAGE_FAILED')) return false;
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return /^SQLITE_(ERROR|IOERR)/.test(code);
}

/** What to do about a file that is no sound stream. */
export const RECOVER_ANEW_HINT =
  'move it away and mirror it again; your own stream: drayer recover STREAM --from URL does both';
