/** The commands for who owns a stream: its key, and what is done to it by hand. */
import type { Command } from 'commander';
import { parsePort } from '../config/settings.ts';
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
  command(key, 'ci', 'say how a CI job gets the key of a stream, or a new one')
    .argument('[stream]', `${STREAM_HELP}, or a key file`)
    .option('--new <file>', 'make a key: file for it, which must not exist')
    .option('--print', 'show the key itself, on this terminal')
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((stream: string | undefined, flags) =>
      done(import('./commands/key-ci.ts').then((m) => m.keyCi(open(flags), stream, flags))),
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

const addEdits: Add = (program, open, done) => {
  editOptions(program, 'put', 'put one file into a site by hand')
    .argument('<stream>', STREAM_HELP)
    .argument('<path>', 'path of the file in the site')
    .argument('[file]', 'what to put; - is stdin (default: the file of that path here)')
    .option('--allow-secrets', 'also what looks like a secret of somebody else')
    .action((stream: string, path: string, file: string | undefined, flags) =>
      done(
        import('./commands/put.ts').then((m) => m.put(open(flags), { stream, path, file }, flags)),
      ),
    );
  editOptions(program, 'rm', 'remove files from a site by hand')
    .argument('<stream>', STREAM_HELP)
    .argument('<paths...>', 'paths of the files in the site; a whole mirror: drayer unmirror')
    .option('-r, --recursive', 'folders too, with all that is in them')
    .option('-t, --type <type>', 'records of another type, such as post')
    .action((stream: string, paths: string[], flags) =>
      done(import('./commands/rm.ts').then((m) => m.rm(open(flags), stream, paths, flags))),
    );
  editOptions(program, 'post', 'write a post into a stream')
    .argument('<stream-or-text>', `the text; or ${STREAM_HELP}, and then the text`)
    .argument('[text]', 'the text; - is stdin')
    .option('--title <text>', 'what it is called (default: its first line)')
    .option('--replace', 'replace the post of that title')
    .option('--allow-secrets', 'also what looks like a secret of somebody else')
    .action((first: string, second: string | undefined, flags) =>
      done(import('./commands/post.ts').then((m) => m.post(open(flags), first, second, flags))),
    );
  command(program, 'posts', 'read the posts of a stream')
    .argument('[stream]', STREAM_HELP)
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((stream: string | undefined, flags) =>
      done(import('./commands/posts.ts').then((m) => m.posts(open(flags), stream, flags))),
    );
  editOptions(program, 'servers', 'show or change the servers that a stream itself names')
    .argument('[args...]', '[stream], [stream] add URL, or [stream] rm URL')
    .action((args: string[], flags) =>
      done(import('./commands/servers.ts').then((m) => m.servers(open(flags), args, flags))),
    );
};

const addAllow: Add = (program, open, done) => {
  command(program, 'allow', 'list the keys that may push to the server here, or allow one more')
    .argument('[key]', 'stream id in any spelling (default: list them)')
    .option('-r, --remove', 'allow it no longer; what was pushed stays')
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((key: string | undefined, flags) =>
      done(import('./commands/allow.ts').then((m) => m.allow(open(flags), key, flags))),
    );
};

const addDeny: Add = (program, open, done) => {
  command(program, 'deny', 'list the streams that the server here does not serve, or deny one more')
    .argument('[id]', 'stream id in any spelling (default: list them)')
    .option('-r, --remove', 'serve it again')
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((id: string | undefined, flags) =>
      done(import('./commands/allow.ts').then((m) => m.deny(open(flags), id, flags))),
    );
};

const addExport: Add = (program, open, done) => {
  command(program, 'export', 'write the site of a stream into a new folder')
    .argument('<stream-or-dir>', `the folder; or ${STREAM_HELP}, and then the folder`)
    .argument('[dir]', 'new or empty folder')
    .option('--skip-unsafe', 'leave out files whose names are not safe on every disk')
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((first: string, second: string | undefined, flags) =>
      done(
        import('./commands/export.ts').then((m) =>
          m.exportStream(open(flags), first, second, flags),
        ),
      ),
    );
};

const addQr: Add = (program, open, done) => {
  command(program, 'qr', 'show a code of a stream: its address on this network, with the key')
    .argument('[stream]', STREAM_HELP)
    .option('--svg <file>', 'write it as a picture to print')
    .option('--link', 'of the drayer:// link, for programs that know it')
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((stream: string | undefined, flags) =>
      done(import('./commands/qr.ts').then((m) => m.qr(open(flags), stream, flags))),
    );
};

const addDoctor: Add = (program, open, done) => {
  command(
    program,
    'doctor',
    'look for what is wrong around drayer: network, port, disk, clock, keys',
  )
    .option('-p, --port <number>', 'port of the server (default: 33125)', (text) =>
      parsePort(text, '--port'),
    )
    .option('--host <address>', 'as it is given to drayer serve')
    .option('--lan', 'as it is given to drayer serve: whether others can get in')
    .option('--dht', 'also whether the DHT answers; nodes on the Internet see this address')
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((flags) =>
      done(import('./commands/doctor.ts').then((m) => m.doctor(open(flags), flags))),
    );
};

/** A command that changes a stream: with the flags for its key. */
function editOptions(program: Command, name: string, summary: string): Command {
  return keyOptions(command(program, name, summary)).option(
    '--data-dir <dir>',
    'folder of the mirrors',
  );
}

/** In the order in which help lists them. */
export const OWNER_COMMANDS: readonly Add[] = [
  addAllow,
  addDeny,
  addDoctor,
  addEdits,
  addExport,
  addKey,
  addQr,
  addRecover,
];
