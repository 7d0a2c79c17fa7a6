/** `drayer key new` and `drayer key show`. The secret key itself is never printed. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { EXIT } from '../../core/errors.ts';
import { formatStreamId } from '../../core/stream-id.ts';
import { readStreamId } from '../../daemon/stream-facts.ts';
import {
  checkKeyFolder,
  generateKeyPair,
  publicKeyOf,
  readKeyFile,
  writeNewKey,
} from '../../store/key-file.ts';
import { shellWord, table, wordRows } from '../format.ts';
import type { Session } from '../session.ts';
import { maskKey } from '../take-key.ts';
import { chooseKey } from './choose-key.ts';
import type { StreamFlags } from './choose-stream.ts';

/** Makes a key pair; the secret half goes to `file`, for its owner's eyes alone. */
export async function keyNew(session: Session, file: string): Promise<number> {
  const { terminal } = session;
  const path = resolve(file);
  checkKeyFolder(path);
  const { publicKey, secretKey } = generateKeyPair();
  writeNewKey(path, secretKey);
  maskKey(session.environment, secretKey);
  printKey(session, publicKey, path);
  terminal.say('keep a copy in a safe place: nobody can make this key again');
  terminal.say(`a copy on paper: drayer key backup ${shellWord(path)}`);
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
  const { keyPath, stream } = await chooseKey(session, name, flags);
  if (stream === undefined) {
    printKey(session, publicKeyOf(readKeyFile(keyPath)), keyPath);
    return EXIT.done;
  }
  const hasKey = existsSync(keyPath);
  // Reads it, so that a key others can read, or the key of something else, is noticed here.
  if (hasKey) readKeyFile(keyPath);
  printKey(session, readStreamId(stream.path).publicKey, hasKey ? keyPath : undefined);
  if (hasKey) {
    terminal.say('only this key can change the stream; a copy on paper: drayer key backup');
  } else {
    terminal.say('the secret key is not here: this copy can be served, not changed');
  }
  return EXIT.done;
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
