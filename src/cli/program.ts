/**
 * The command line: names, arguments, options, help. No command's code is loaded before it is
 * called, so that each pays only for what it uses.
 */
import { Command, Option } from 'commander';
import { parsePort } from '../config/settings.ts';
import { DrayerError, EXIT } from '../core/errors.ts';
import { type Add, type CommandResult, command, keyOptions, STREAM_HELP } from './command.ts';
import { LOG_LEVELS } from './log-level.ts';
import type { OpenSession } from './session.ts';
import { readVersion } from './version.ts';

/** Builds the program; the returned function runs one `argv` and gives the exit status. */
export function createProgram(open: OpenSession): (argv: readonly string[]) => Promise<number> {
  let status: number = EXIT.done;
  const program = new Command('drayer')
    .description('Publish a folder as a signed site that anyone can mirror.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    // Reported by main.ts, in the form of every other error.
    .configureOutput({ outputError: () => undefined })
    .exitOverride()
    .addHelpText('after', OVERVIEW);
  const done = async (result: CommandResult): Promise<void> => {
    status = await result;
  };
  return async (argv) => {
    for (const add of await commandsFor(argv[2])) add(program, open, done);
    await program.parseAsync([...argv]);
    return status;
  };
}

// Those that are called most, or by other programs, do not pay for the others; help and misspelt names
// need them all.
async function commandsFor(name: string | undefined): Promise<readonly Add[]> {
  if (name === 'publish') return [addPublish];
  if (name === 'serve') return [addServe];
  const { OWNER_COMMANDS } = await import('./owner-commands.ts');
  return [addInit, addPublish, addServe, addMirror, addMirrors, addReaders, ...OWNER_COMMANDS];
}

const OVERVIEW = `
First steps:
  $ drayer init my-site && cd my-site    a page to start from
  $ drayer publish                       sign it into a stream
  $ drayer serve                         look at it in a browser
  $ drayer mirror http://HOST:33125      on another machine: copy and check it
`;

const addInit: Add = (program, open, done) => {
  command(program, 'init', 'start a site from a template, or with the site that is there')
    .argument('[dir]', 'folder to fill (default: this one)')
    .option('-t, --template <name>', 'page, blog, docs or gallery (default: page)')
    .option('-n, --name <text>', 'what the site is called, in place of the name of the sample')
    .option('-f, --force', 'also into a folder that is not empty; replaces files of the same name')
    .option('--from-existing', 'copy nothing: only add config and key to the site that is there')
    .option('-o, --output <folder>', 'with --from-existing: the finished site (default: guessed)')
    .action((directory: string | undefined, flags) =>
      done(import('./commands/init.ts').then((m) => m.init(open(flags), directory, flags))),
    );
};

const addPublish: Add = (program, open, done) => {
  keyOptions(command(program, 'publish', 'make a stream equal to a folder and sign what changed'))
    .argument('[dir]', 'folder to publish; without it, what drayer.config.ts names')
    .option('-s, --stream <file>', 'stream file (default: NAME.stream beside the folder)')
    .option('--to <url>', 'publish to this server, which has the stream; needs key and folder only')
    .option('-n, --dry-run', 'show what would change and write nothing')
    .option('--diff', 'the same, with the size of each file before and after')
    .option('--exit-code', 'end with status 9 when something changes, 0 when nothing does')
    .option('--check-links [mode]', 'look for broken links first: warn (default), error or off')
    .option('--allow-mass-delete', 'also when most files of the stream are gone from the folder')
    .option('--allow-secrets', 'also files that seem to contain keys or tokens of services')
    .option('--unused-key', 'begin a stream with a key that nothing was ever published with')
    .option('--no-build', 'publish the output of the configured build as it is')
    .option('--provenance', 'say in the stream which commit and CI run this is')
    .option('--no-provenance', 'do not, whatever the config says')
    .option('--wait-mirrors <n>', 'end when so many servers serve it, else with status 3')
    .option('--timeout <seconds>', 'with --wait-mirrors: longest wait (default: 120)')
    .option(
      '--mirror <url>',
      'with --wait-mirrors: one more server to ask; again and again',
      listed,
    )
    .option('-w, --watch', 'publish again whenever the folder changes, until it is stopped')
    .option('--serve', 'serve it too; with --watch open pages reload themselves')
    .addOption(portOption())
    .option('--host <address>', 'with --serve: address to listen on (default: this machine only)')
    .option('--lan', 'with --serve: let other machines in')
    .option('--dht', 'with --serve: look for others in the world, and be found by them')
    .option('--upnp', 'with --serve: have the router let the Internet in')
    .action((directory: string | undefined, flags) =>
      done(
        import('./begin-publish.ts').then((m) => m.beginPublish(open(flags), directory, { flags })),
      ),
    );
};

const addServe: Add = (program, open, done) => {
  command(program, 'serve', 'serve streams to browsers and mirrors')
    .argument('[streams...]', 'published folders, stream files, names or ids; without any, all')
    .addOption(portOption())
    .option('--host <address>', 'address to listen on (default: this machine only)')
    .option('--lan', 'let other machines in')
    .option('--dht', 'look for others in the world who have the streams, and be found by them')
    .option('--upnp', 'have the router let the Internet in, until this ends')
    .addOption(
      chosen('--auto-mirror <what>', 'with --lan: mirror what is heard there, unasked', ['nearby']),
    )
    .option('--site <stream>', 'serve this one at /')
    .option('--mount <path>', 'path the server stands under behind a proxy')
    .option('--allow-host <name...>', 'host name to answer to, besides this machine itself')
    .option('--cors', 'let pages of other origins read the sync endpoints on loopback too')
    .option('--live', 'open pages reload themselves when their site changes')
    .option('--spa', 'index.html for every page that is none; missing scripts stay missing')
    .option('--listing', 'show what is in a folder without index.html')
    .option('--name <name=stream...>', 'with --lan: name of a site there, http://NAME.local:PORT/')
    .option('--domain <name=stream...>', 'host name with a site of its own')
    .option('--sites-domain <name...>', 'host name below which each site has one, ID.NAME')
    .addOption(numbered('--site-ports <first>', 'a port for each site, for phones: from this one'))
    .option('--no-redirect', 'leave people who type localhost on the path form of a site')
    .option('--behind-proxy <address...>', 'proxy that is believed about who asks, and over what')
    .option('--tls-cert <file>', 'PEM file of a certificate: HTTPS and no HTTP')
    .option('--tls-key <file>', 'PEM file of its key')
    .option(
      '--workers <n>',
      'processes that serve (default: 1; with more nobody can push)',
      processes,
    )
    .addOption(chosen('--access-log <format>', 'print a line for each request', LOG_FORMATS))
    .addOption(chosen('--log-address <part>', 'of clients in it (default: network)', DETAILS))
    .addOption(numbered('--metrics-port <number>', '/metrics and /health, for this machine only'))
    .option('--data-dir <dir>', 'folder of the mirrors')
    .addOption(logOption())
    .action((streams: string[], flags) =>
      done(import('./commands/serve.ts').then((m) => m.serve(open(flags), streams, flags))),
    );
};

const addMirror: Add = (program, open, done) => {
  command(program, 'mirror', 'copy a stream from somebody who serves it, and check it')
    .argument(
      '<url>',
      "address of a server, of a site on it, or of a stream's sync endpoints; or a stream id alone: whoever has it on this network, with --dht in the world",
    )
    .argument('[id]', 'stream id, where the address does not say it')
    .option(
      '--from <url>',
      'one more source to ask beside it; where one fails or lies the next goes on; again and again',
      listed,
    )
    .option('-s, --stream <file>', 'stream file (default: in the data folder)')
    .option('--data-dir <dir>', 'folder of the mirrors')
    .option('--serve', 'then serve it, and follow its source until it is stopped')
    .option('--live', 'with --serve: open pages reload themselves when the site changes')
    .addOption(portOption())
    .option('--host <address>', 'with --serve: address to listen on (default: this machine only)')
    .option('--lan', 'with --serve: let other machines in')
    .option(
      '--dht',
      'look for a stream id in the world; with --serve, for others who have it, and be found by them',
    )
    .option('--upnp', 'with --serve: have the router let the Internet in')
    .option('--hold', 'hold it, but let no daemon serve it')
    .option('--no-hold', 'serve it again')
    .option('--quota <size>', 'most to take of it, such as 500MB; none lifts it')
    .option('--metadata-only', 'hold all records and no content')
    .option('--newest <n>', 'hold the content of the n newest records only')
    .option('--types <list>', 'hold the content of records of these types only, such as file,obj')
    .option('--max-value <size>', 'hold no content that is larger as it is stored, such as 1MB')
    .option('--all', 'hold all content again')
    .addOption(logOption())
    .action((url: string, id: string | undefined, flags) =>
      done(import('./commands/mirror.ts').then((m) => m.mirror(open(flags), url, id, flags))),
    );
};

const addMirrors: Add = (program, open, done) => {
  command(program, 'unmirror', 'remove a mirror, with all its files; never a stream of your own')
    .argument('<stream>', 'stream file or id of the mirror')
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((stream: string, flags) =>
      done(import('./commands/unmirror.ts').then((m) => m.unmirror(open(flags), stream, flags))),
    );
  command(
    program,
    'list',
    'list the streams: own and mirrored, served, followed, how they are doing',
  )
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((flags) => done(import('./commands/list.ts').then((m) => m.list(open(flags), flags))));
  command(program, 'nearby', 'list what others on this network have, and is not here')
    .option('-t, --titles', 'ask them for the title of each site; they see that')
    .option('--seconds <n>', 'listen for so long (default: 12, or what the daemon has heard)')
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((flags) =>
      done(import('./commands/nearby.ts').then((m) => m.nearby(open(flags), flags))),
    );
};

const addReaders: Add = (program, open, done) => {
  command(program, 'ls', 'list the files of a stream')
    .argument('[stream]', STREAM_HELP)
    .option('-t, --type <type>', 'records of another type', 'file')
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((stream: string | undefined, flags) =>
      done(import('./commands/ls.ts').then((m) => m.ls(open(flags), stream, flags))),
    );
  command(program, 'cat', "write a file's content to stdout")
    .argument('<stream>', `${STREAM_HELP}; or drayer://ID/PATH`)
    .argument('[path]', 'path of the file in the site')
    .option('--from <url>', 'fetch from this server, checked by proof')
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((stream: string, path: string | undefined, flags) =>
      done(import('./commands/cat.ts').then((m) => m.cat(open(flags), stream, path, flags))),
    );
  command(program, 'info', 'tell about a stream: id, counts, generation, what is missing')
    .argument('[stream]', STREAM_HELP)
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((stream: string | undefined, flags) =>
      done(import('./commands/info.ts').then((m) => m.info(open(flags), stream, flags))),
    );
  command(program, 'verify', 'check every signature, both chains and the snapshot')
    .argument('[stream]', STREAM_HELP)
    .option('--data-dir <dir>', 'folder of the mirrors')
    .action((stream: string | undefined, flags) =>
      done(import('./commands/verify.ts').then((m) => m.verify(open(flags), stream, flags))),
    );
};

/** A number of processes. Whether it is one of those that are possible is looked at where config and flag meet. */
function processes(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new DrayerError('USAGE', `--workers: expected a number, got "${text}"`, {
    hint: 'such as --workers 4: the first one and three beside it',
  });
}

/** Collects what a flag says each time it is given. */
function listed(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function logOption(): Option {
  return new Option('--log-level <level>', 'how much to log while it runs (default: info)').choices(
    LOG_LEVELS,
  );
}

const LOG_FORMATS = ['common', 'json'] as const;
const DETAILS = ['full', 'network', 'none'] as const;

function chosen(flag: string, help: string, choices: readonly string[]): Option {
  return new Option(flag, help).choices(choices);
}

function numbered(flag: string, help: string): Option {
  return new Option(flag, help).argParser((text) => parsePort(text, flag.split(' ', 1)[0] ?? flag));
}

function portOption(): Option {
  return new Option(
    '-p, --port <number>',
    'port to listen on, 0 for any (default: 33125)',
  ).argParser((text) => parsePort(text, '--port'));
}
