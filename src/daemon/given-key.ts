/**
 * The secret key that was given instead of the one beside the stream: in a file, on stdin or in the
 * environment, never on the command line, which every user of the machine can read.
 */
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { DrayerError } from '../core/errors.ts';
import { parseSecretKey, readKeyFile } from '../store/key-file.ts';
import type { KnownStream } from './known-streams.ts';

/** A secret key, and the file it came from. */
export type GivenKey = {
  /** 64 bytes. */
  readonly secretKey: Uint8Array;
  /** Absolute; undefined where the key came as a text. */
  readonly keyPath: string | undefined;
};

/** The flags that say where the key is. */
export type KeyFlags = {
  /** A path as typed. */
  readonly keyFile?: string | undefined;
  /** The key is what stdin holds. */
  readonly keyStdin?: boolean | undefined;
  /** The key file may be one that other users can read, as a mounted secret often is. */
  readonly allowReadableKey?: boolean | undefined;
};

/**
 * Reads the key that was given. A flag wins over the environment.
 *
 * @param environment - DRAYER_KEY and DRAYER_KEY_FILE are read; DRAYER_KEY is removed from it, so
 *   that no child process inherits it and no report lists it
 * @returns undefined where none was given
 * @throws {DrayerError} USAGE when two places are named at once
 * @throws {DrayerError} KEY_NOT_FOUND, KEY_MODE, KEY_INVALID when it cannot be used
 */
export async function givenKey(
  flags: KeyFlags,
  environment: Record<string, string | undefined>,
  stdin: Readable & { readonly isTTY?: boolean | undefined } = process.stdin,
): Promise<GivenKey | undefined> {
  const { keyFile, keyStdin = false, allowReadableKey } = flags;
  const text = environment['DRAYER_KEY'] || undefined;
  delete environment['DRAYER_KEY'];
  if (keyStdin && keyFile !== undefined) throw twoKeys('--key-stdin', '--key-file');
  if (keyStdin) return { secretKey: await keyFromStdin(stdin), keyPath: undefined };

  const configured = environment['DRAYER_KEY_FILE'] || undefined;
  if (keyFile === undefined && text !== undefined) {
    if (configured !== undefined) throw twoKeys('DRAYER_KEY', 'DRAYER_KEY_FILE');
    return { secretKey: parseSecretKey(text, 'DRAYER_KEY'), keyPath: undefined };
  }
  const path = keyFile ?? configured;
  if (path === undefined) return undefined;
  const keyPath = resolve(path);
  return { secretKey: readKeyFile(keyPath, { allowReadable: allowReadableKey }), keyPath };
}

/** Returns the key that was given, or the one that the config names for a stream. */
export function keyFor(
  given: GivenKey | undefined,
  { keyFile }: Pick<KnownStream, 'keyFile'>,
): GivenKey | undefined {
  if (given !== undefined || keyFile === undefined) return given;
  return { secretKey: readKeyFile(keyFile), keyPath: keyFile };
}

/** A key has 88 characters; room for white space around it. */
const MAX_KEY_BYTES = 1024;

async function keyFromStdin(
  stdin: Readable & { readonly isTTY?: boolean | undefined },
): Promise<Uint8Array> {
  if (stdin.isTTY === true) {
    // Typed, it would stay on the screen and in what the terminal remembers.
    throw new DrayerError('USAGE', '--key-stdin: expected the key from a pipe, not typed', {
      hint: 'drayer publish DIR --key-stdin < KEYFILE; drayer key restore takes a key that is typed',
    });
  }
  const { readStdin } = await import('./read-stdin.ts');
  const bytes = await readStdin(stdin, { maxBytes: MAX_KEY_BYTES, what: 'the private key' });
  return parseSecretKey(Buffer.from(bytes).toString('latin1'), 'stdin');
}

function twoKeys(one: string, other: string): DrayerError {
  return new DrayerError('USAGE', `${one} and ${other} both say which key to use`, {
    hint: `give one of them: leave out ${one} or ${other}`,
  });
}
