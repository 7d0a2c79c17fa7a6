/** Checking the signatures that a first generation was shown without (R22). */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { verifyRecord } from '../core/signing.ts';
import { type Connection, prepareForWriting } from './database.ts';
import { LocalAttributes } from './local-attributes.ts';
import { openReadable, openWritable } from './open-reader.ts';
import { StreamReader } from './reader.ts';
import { recordsByModified } from './rows.ts';
import { checkSchema } from './schema.ts';
import { checkStreamFile, isWritable } from './stream-file.ts';
import {
  formatUnchecked,
  parseUnchecked,
  UNCHECKED_ATTRIBUTE,
  type Unchecked,
  uncheckedOf,
} from './unchecked.ts';

/** What came of a check. */
export type SignatureCheck =
  /** All are right; `isNoted` unless the file cannot be written. */
  | { readonly kind: 'right'; readonly isNoted: boolean }
  | {
      readonly kind: 'wrong';
      readonly isNoted: boolean;
      readonly unchecked: Unchecked & { readonly fault: string };
    };

/**
 * Checks every signature of a stream file, if that is still to be done, and notes in it what came of it.
 * Synchronous, some 43 µs a record. Records come into such a file only checked, so it needs to see no
 * single generation.
 *
 * @throws {DrayerError} STREAM_NOT_FOUND, STREAM_INVALID when the file cannot be read
 */
export function checkSignatures(path: string): SignatureCheck {
  checkStreamFile(path);
  const canNote = isWritable(path);
  // What cannot be written may be read from a copy, in which nothing need be noted.
  const connection = canNote ? openWritable(path) : openReadable(path);
  try {
    const reader = new StreamReader(connection, checkSchema(connection));
    const unchecked = uncheckedOf(reader);
    if (unchecked === undefined) return { kind: 'right', isNoted: true };
    const fault = unchecked.fault ?? findFault(connection, reader.publicKey);
    if (canNote) return note(connection, fault);
    if (fault === undefined) return { kind: 'right', isNoted: false };
    return { kind: 'wrong', isNoted: false, unchecked: { ...unchecked, fault } };
  } finally {
    connection.close();
  }
}

/**
 * The same for who is about to write to the stream: there is nothing to go on with where one is wrong.
 *
 * @throws {DrayerError} SIGNATURE_INVALID naming the record
 */
export function demandSignatures(path: string): void {
  const check = checkSignatures(path);
  if (check.kind === 'right') return;
  const { from, fault } = check.unchecked;
  throw new DrayerError('SIGNATURE_INVALID', `${path}: ${fault}, as it came from ${from}`, {
    hint: 'fetch it from a server that has it right: drayer recover --from URL',
  });
}

/** Notes that every signature was found right. */
export function noteChecked(path: string): void {
  if (!isWritable(path)) return;
  const connection = openWritable(path);
  try {
    note(connection, undefined);
  } finally {
    connection.close();
  }
}

function findFault(connection: Connection, publicKey: Uint8Array): string | undefined {
  try {
    for (const record of recordsByModified(connection, 'record')) verifyRecord(record, publicKey);
    return undefined;
  } catch (error) {
    const isWrong =
      isDrayerError(error, 'SIGNATURE_INVALID') || isDrayerError(error, 'RECORD_INVALID');
    if (isWrong) return error.message;
    throw error;
  }
}

function note(connection: Connection, fault: string | undefined): SignatureCheck {
  const right = { kind: 'right', isNoted: true } as const;
  try {
    prepareForWriting(connection);
    return connection.writing(() => {
      const local = new LocalAttributes(connection);
      // Somebody else may have mended it meanwhile.
      const standing = parseUnchecked(local.get(UNCHECKED_ATTRIBUTE));
      if (standing === undefined) return right;
      const unchecked = fault === undefined ? undefined : { ...standing, fault };
      local.set(UNCHECKED_ATTRIBUTE, unchecked && formatUnchecked(unchecked));
      return unchecked === undefined ? right : { kind: 'wrong', isNoted: true, unchecked };
    });
  } catch (error) {
    // Read-only, full, or busy: what was found holds all the same.
    if (!isDrayerError(error)) throw error;
    const local = new LocalAttributes(connection).get(UNCHECKED_ATTRIBUTE);
    const standing = parseUnchecked(local);
    if (standing === undefined || fault === undefined)
      return { ...right, isNoted: standing === undefined };
    return { kind: 'wrong', isNoted: false, unchecked: { ...standing, fault } };
  }
}
