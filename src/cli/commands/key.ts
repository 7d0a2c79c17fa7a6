/** `drayer key new` and `drayer key show`. The secret key itself is never printed. */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DrayerError, EXIT } from '../../core/errors.ts';
import { formatStreamId } from '../../core/stream-id.ts';
import { readStreamId } from '../../daemon/stream-facts.ts';
import {
  generateKeyPair,
  keyPathOf,
  publicKeyOf,
  readKeyFile,
  writeNewKey,
} from '../../store/key-file.ts';
import { shellWord, table, wordRows } from '../format.ts';
import type { Session } from '../session.ts';
import { chooseStream, type StreamFlags } from './choose-stream.ts';

const DATABASE_START = Buffer.from('SQLite format 3\0');

/** Makes a key pair; the secret half goes to `file`, for its owner's eyes alone. */
export async function keyNew(session: Session, file: string): Promise<number> {
  const { terminal } = session;
  const path = resolve(file);
  const folder = dirname(path);
  if (!existsSync(folder)) {
    const message = `${path}: cannot write the private key: its folder is missing`;
    throw new DrayerError('STORAGE_FAILED', message, {
      hint: `make the folder first: mkdir -p ${shellWord(folder)}`,
    });
  }
  const { publicKey, secretKey } = generateKeyPair();
  writeNewKey(path, secretKey);
  printKey(session, publicKey, path);
  terminal.say('keep a copy in a safe place: nobody can make this key again');
  terminal.say(`publish with it: drayer publish DIR --key-file ${shellWord(path)}`);
  return EXIT.done;
}

/** Shows a stream's id in all spellings, and where its secret key is. */
export async function keyShow(
  session: Session,
  name: string | undefined,
  flags: StreamFlags,
): Promise<number> {
  const { terminal } = session;
  const path = name === undefined ? undefined : resolve(name);
  if (path !== undefined && isKeyFile(path)) {
    printKey(session, publicKeyOf(readKeyFile(path)), path);
    return EXIT.done;
  }
  const stream = await chooseStream(session, name, flags);
  const keyPath = stream.keyFile ?? keyPathOf(stream.path);
  const hasKey = existsSync(keyPath);
  // Reads it, so that a key others can read, or the key of something else, is noticed here.
  if (hasKey) readKeyFile(keyPath);
  printKey(session, readStreamId(stream.path).publicKey, hasKey ? keyPath : undefined);
  if (hasKey) terminal.say(`copy ${keyPath} to a safe place; only it can change this stream`);
  else terminal.say('the secret key is not here: this copy can be served, not changed');
  return EXIT.done;
}

/** Whether a file is one that can only be a key: by what it holds, since a key may be called anything. */
function isKeyFile(path: string): boolean {
  // An id in words is longer than any name can be; that is found out where streams are looked for.
  if (!existsSync(path) || !statSync(path).isFile()) return false;
  // What is called a stream is read as one, so that a damaged one is told as such.
  return !path.endsWith('.stream') && !isDatabase(path);
}

function isDatabase(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const start = Buffer.alloc(DATABASE_START.length);
    return readSync(file, start) === start.length && start.equals(DATABASE_START);
  } finally {
    closeSync(file);
  }
}

function printKey({ terminal }: Session, publicKey: Uint8Array, keyPath: string | undefined): void {
  const id = formatStreamId(publicKey);
  const base64url = formatStreamId(publicKey, 'base64url');
  const base32 = formatStreamId(publicKey, 'base32');
  const words = formatStreamId(publicKey, 'words');
  if (terminal.isJson) {
    terminal.printJson({ id, base64url, base32, words, keyPath });
    return;
  }
  const rows = [
    ['id', id],
    ['in URLs', base64url],
    ['as a host', `${base32}.localhost`],
    ...wordRows('in words', words),
    ['link', `drayer://${base64url}/`],
    ['secret key', keyPath ?? 'not here'],
  ];
  for (const line of table(rows, [])) terminal.print(line);
}
