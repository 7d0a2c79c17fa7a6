/**
 * `drayer key restore <file>`: the secret key from its words, or from what its code says, typed, piped or
 * in a file; never as an argument, which other users could read.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { DrayerError, EXIT } from '../../core/errors.ts';
import { BACKUP_WORDS, findWordFaults, splitWords } from '../../core/secret-words.ts';
import { formatStreamId, parseStreamId } from '../../core/stream-id.ts';
import { withoutSecrets } from '../../core/without-secrets.ts';
import { parseKeyBackup, restoreKey } from '../../daemon/key-backup.ts';
import { readStdin } from '../../daemon/read-stdin.ts';
import { publicKeyOf } from '../../store/key-file.ts';
import { isRestoredMark, markPathOfKey } from '../../store/mark.ts';
import { shellWord } from '../format.ts';
import type { Session } from '../session.ts';

/** Flags of `drayer key restore`. */
export type KeyRestoreFlags = {
  readonly input?: string | undefined;
  readonly id?: string | undefined;
};

/** Writes the key file, and says what is missing before the key may sign. */
export async function keyRestore(
  session: Session,
  file: string,
  flags: KeyRestoreFlags,
): Promise<number> {
  const { terminal } = session;
  checkFile(file);
  const publicKey = flags.id === undefined ? undefined : parseStreamId(flags.id);
  const secretKey = parseKeyBackup(await readBackup(session, flags.input));
  const keyPath = restoreKey(resolve(file), secretKey, { publicKey });
  const id = formatStreamId(publicKeyOf(secretKey));
  const needsRecovery = isRestoredMark(markPathOfKey(keyPath));
  if (terminal.isJson) {
    terminal.printJson({ id, keyPath, needsRecovery });
    return EXIT.done;
  }
  terminal.print(`restored the secret key of ${id}: ${keyPath}`);
  sayRecovery(session, keyPath, needsRecovery);
  return EXIT.done;
}

function sayRecovery({ terminal }: Session, keyPath: string, isNeeded: boolean): void {
  const isBeside = keyPath.endsWith('.stream.privatekey');
  const stream = isBeside ? keyPath.replace(/\.privatekey$/, '') : undefined;
  const target = stream === undefined ? 'FILE.stream' : shellWord(stream);
  const key = stream === undefined ? ` --key-file ${shellWord(keyPath)}` : '';
  const recover = `drayer recover ${target} --from URL${key}`;
  if (!isNeeded) {
    // The mark that is there was left as it is; it may be as old as the stream file beside it.
    terminal.say(
      `if its stream and mark come from a backup too, fetch the newest state: ${recover}`,
    );
    return;
  }
  terminal.say('nothing is signed with it yet: the key does not know how far it has signed');
  terminal.say(`fetch the newest state first: ${recover}`);
  terminal.say('only if nothing was ever published with it: drayer publish DIR --unused-key');
}

/** Somebody may take FILE for the place of the words; then they would become the name of a file. */
function checkFile(file: string): void {
  const words = splitWords(file);
  const isCode = words.some((word) => word.length > LONGEST_WORD) && withoutSecrets(file) !== file;
  if (words.length < BACKUP_WORDS / 2 && !isCode) return;
  const message = 'expected the name of a file, got what may be the secret key itself';
  throw new DrayerError('SECRET_EXPOSED', message, {
    hint: 'the shell may have kept it: clear its history; then drayer key restore FILE asks for the words',
  });
}

/** Longer than any word of the lists. */
const LONGEST_WORD = 20;
const MAX_BACKUP_BYTES = 1024 * 1024;

async function readBackup(session: Session, input: string | undefined): Promise<string> {
  if (input !== undefined && input !== '-') return readFileSync(input, 'utf8');
  if (process.stdin.isTTY === true && input === undefined) return askForWords(session);
  const { signal } = session;
  const options = { maxBytes: MAX_BACKUP_BYTES, what: 'the backup', signal };
  return Buffer.from(await readStdin(process.stdin, options)).toString('utf8');
}

/** Takes words line by line, and asks again for a line with a wrong word in it. */
async function askForWords({ terminal, signal }: Session): Promise<string> {
  terminal.say(`type the ${BACKUP_WORDS} words, some to a line, or paste the text of the code`);
  const lines = createInterface({ input: process.stdin, terminal: false });
  const taken: string[] = [];
  const stop = (): void => lines.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const line of lines) {
      if (line.trim() === '') continue;
      // A code: there is nothing to check word by word.
      if (splitWords(line).some((word) => word.length > LONGEST_WORD)) return line;
      const words = splitWords([...taken, line].join(' '));
      const faults = findWordFaults(words);
      for (const { place, word, message } of faults) {
        terminal.complain('warning', `word ${place}, ${word}, ${message}`);
      }
      if (faults.length > 0) terminal.say('type this line again');
      else taken.push(line);
      if (faults.length === 0 && words.length >= BACKUP_WORDS) break;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    lines.close();
  }
  if (signal.aborted) throw new DrayerError('ABORTED', 'stopped; no key was restored');
  return taken.join(' ');
}
