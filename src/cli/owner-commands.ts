/** The commands for who owns a stream: its key, and what is done to it by hand. */
import { type Add, command, keyOptions, STREAM_HELP } from './command.ts';

const addKey: Add = (program, open, done) => {
  const key = program.command('key').description('make, show, back up and restore secret keys');
  command(key, 'new', 'make a key pair')
    .argument('<file>', 'file for the secret key; it must not exist')
    .action((file: string, flags) =>
      done(import('./commands/key.ts').then((m) => m.keyNew(open(flags), file))),
    );
  command(key, 'show', 'show the id of a stream or key file in all spellings')
    .argument('[stream]', `${STREAM_HELP}, or a key file`)
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((stream: string | undefined, flags) =>
      done(import('./commands/key.ts').then((m) => m.keyShow(open(flags), stream, flags))),
    );
  command(key, 'backup', 'write the secret key on a page to print: words and a QR code')
    .argument('[stream]', `${STREAM_HELP}, or a key file`)
    .option('-o, --out <file>', 'the page (default: NAME.privatekey.html beside the key)')
    .option('--print', 'show the words on this terminal instead')
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((stream: string | undefined, flags) =>
      done(import('./commands/key-backup.ts').then((m) => m.keyBackup(open(flags), stream, flags))),
    );
  command(key, 'restore', 'make a key file again from its words or its code, typed or piped')
    .argument('<file>', 'file for the secret key, which must not exist; or its stream')
    .option('-i, --input <file>', 'read the words, the text of the code or the page from a file')
    .option('--id <id>', 'the stream id it has to have')
    .action((file: string, flags) =>
      done(import('./commands/key-restore.ts').then((m) => m.keyRestore(open(flags), file, flags))),
    );
};

const addRecover: Add = (program, open, done) => {
  keyOptions(
    command(program, 'recover', 'bring an own stream that fell behind back to its newest state'),
  )
    .argument('[stream]', STREAM_HELP)
    .requiredOption('--from <url>', 'a server that holds the newest state')
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((stream: string | undefined, flags) =>
      done(import('./commands/recover.ts').then((m) => m.recover(open(flags), stream, flags))),
    );
};

/** In the order in which help lists them. */
export const OWNER_COMMANDS: readonly Add[] = [addKey, addRecover];
