/**
 * `drayer key ci [stream]`: what a CI job needs to publish. The secret stays in a file for its owner alone;
 * what is printed is how to hand it on, and never on a command line, which every user of a machine can read.
 */
import { relative, resolve } from 'node:path';
import { DrayerError, EXIT } from '../../core/errors.ts';
import { formatStreamId } from '../../core/stream-id.ts';
import {
  checkKeyFolder,
  formatSecretKey,
  generateKeyPair,
  publicKeyOf,
  readKeyFile,
  writeNewKey,
} from '../../store/key-file.ts';
import { shellWord, table } from '../format.ts';
import type { Session } from '../session.ts';
import { maskKey } from '../take-key.ts';
import { chooseKey } from './choose-key.ts';
import type { StreamFlags } from './choose-stream.ts';

/** Flags of `drayer key ci`. */
export type KeyCiFlags = StreamFlags & {
  /** File for a key that is made now. */
  readonly new?: string | undefined;
  readonly print?: boolean | undefined;
};

/** The name of the secret in CI. */
const SECRET = 'DRAYER_KEY';

/** Finds or makes the key, and says what to type. */
export async function keyCi(
  session: Session,
  name: string | undefined,
  flags: KeyCiFlags,
): Promise<number> {
  const { terminal } = session;
  if (flags.print) checkTerminal(session);
  if (flags.new !== undefined && name !== undefined) {
    throw new DrayerError('USAGE', `--new makes a key, and ${name} has one: only one of them`, {
      hint: 'a site that is published already keeps its key: without --new',
    });
  }
  const isNew = flags.new !== undefined;
  const keyPath = isNew ? resolve(flags.new) : (await chooseKey(session, name, flags)).keyPath;
  const secretKey = isNew ? makeKey(keyPath) : readKeyFile(keyPath);
  maskKey(session.environment, secretKey);
  if (flags.print) {
    terminal.print(formatSecretKey(secretKey));
    terminal.say(`the value of ${SECRET}; clear the screen when you have it`);
    return EXIT.done;
  }
  printLines(session, { secretKey, keyPath, isNew });
  return EXIT.done;
}

function printLines(
  { terminal }: Session,
  { secretKey, keyPath, isNew }: { secretKey: Uint8Array; keyPath: string; isNew: boolean },
): void {
  const publicKey = publicKeyOf(secretKey);
  const id = formatStreamId(publicKey, 'base64url');
  const lines = linesToType(id, shellWord(relative('.', keyPath) || keyPath));
  if (terminal.isJson) {
    terminal.printJson({ id: formatStreamId(publicKey), keyPath, isNew, ...lines });
    return;
  }
  terminal.print(`the secret ${SECRET} of the stream ${id}: ${isNew ? 'made' : 'is'} ${keyPath}`);
  const rows = [
    ['GitHub', lines.github],
    ['GitLab', lines.gitlab],
    ['on the server', lines.server],
    ['in the job', lines.job],
  ];
  for (const line of table(rows, [])) terminal.print(`  ${line}`);
  if (isNew) {
    terminal.say('the first publish with it wants --unused-key, once');
    terminal.say(`keep a copy of it on paper: ${lines.backup}`);
  }
  terminal.say('whoever has the secret can change the site; examples/ci has whole workflows');
}

function makeKey(path: string): Uint8Array {
  checkKeyFolder(path);
  const { secretKey } = generateKeyPair();
  writeNewKey(path, secretKey);
  return secretKey;
}

/** From stdin, so that no list of processes and no history has the key. */
function linesToType(id: string, file: string) {
  return {
    github: `gh secret set ${SECRET} < ${file}`,
    gitlab: `glab variable set ${SECRET} --masked --protected < ${file}`,
    server: `drayer allow ${id}`,
    job: 'drayer publish DIR --to https://SERVER/',
    backup: `drayer key backup ${file}`,
  };
}

function checkTerminal({ terminal }: Session): void {
  if (process.stdout.isTTY === true && !terminal.isJson) return;
  const message = '--print shows the secret key on a terminal, and stdout is none';
  throw new DrayerError('SECRET_EXPOSED', message, {
    hint: 'without --print the key stays in a file that only you can read',
  });
}
