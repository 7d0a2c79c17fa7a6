/**
 * `drayer key backup [stream]`: the secret key on a page to print. It goes to a file for its owner alone;
 * only who asks for it sees it on a terminal, and it never goes into a log.
 */
import { relative, resolve } from 'node:path';
import { DrayerError, EXIT } from '../../core/errors.ts';
import { formatStreamId } from '../../core/stream-id.ts';
import { backupPathOf, checkOutsideSites, writeKeyBackup } from '../../daemon/key-backup.ts';
import { keyWordLines } from '../../daemon/key-paper.ts';
import { publicKeyOf, readKeyFile } from '../../store/key-file.ts';
import { shellWord, table } from '../format.ts';
import type { Session } from '../session.ts';
import { chooseKey } from './choose-key.ts';
import type { StreamFlags } from './choose-stream.ts';

/** Flags of `drayer key backup`. */
export type KeyBackupFlags = StreamFlags & {
  readonly out?: string | undefined;
  readonly print?: boolean | undefined;
};

/** Writes the page, or shows the words. */
export async function keyBackup(
  session: Session,
  name: string | undefined,
  flags: KeyBackupFlags,
): Promise<number> {
  const { terminal } = session;
  // Before the key is touched.
  if (flags.print) checkTerminal(session);
  const { keyPath, stream } = await chooseKey(session, name, flags);
  const secretKey = readKeyFile(keyPath);
  const id = formatStreamId(publicKeyOf(secretKey));
  if (flags.print) {
    printWords(session, secretKey, id);
    return EXIT.done;
  }
  const path = resolve(flags.out ?? backupPathOf(keyPath));
  // Beside the key is where the key is already, and under a name that is never published.
  if (flags.out !== undefined) checkOutsideSites(path, await siteFolders(session, keyPath));
  writeKeyBackup(path, { secretKey, keyPath, streamPath: stream?.path }, new Date());
  if (terminal.isJson) {
    terminal.printJson({ id, keyPath, backup: path });
    return EXIT.done;
  }
  const shown = shellWord(relative('.', path) || path);
  terminal.print(`wrote a page with the secret key of ${id}: ${shown}`);
  terminal.say(`open it in a browser, print it, then delete it: rm ${shown}`);
  terminal.say('whoever has the page can change the site; keep it where you keep money');
  return EXIT.done;
}

/** Those of the config, and the one that a stream beside it is made of unless something else is said. */
async function siteFolders(session: Session, keyPath: string): Promise<string[]> {
  const { streams } = await session.config();
  const beside = keyPath.replace(/(\.stream)?\.privatekey$/, '');
  const folders = streams.flatMap(({ directory }) => (directory === undefined ? [] : [directory]));
  return beside === keyPath ? folders : [...folders, beside];
}

function checkTerminal({ terminal }: Session): void {
  if (process.stdout.isTTY === true && !terminal.isJson) return;
  const message = '--print shows the secret key on a terminal, and stdout is none';
  throw new DrayerError('SECRET_EXPOSED', message, {
    hint: 'without --print the key goes to a file that only you can read',
  });
}

function printWords({ terminal }: Session, secretKey: Uint8Array, id: string): void {
  terminal.print(`secret key of ${id}, in words; the last line checks the others`);
  const rows = keyWordLines(secretKey).map((line, i) => [`${i * 4 + 1}.`, ...line]);
  for (const line of table(rows, [0])) terminal.print(`  ${line}`);
  terminal.say('drayer key restore FILE takes them again; clear the screen when you have them');
}
