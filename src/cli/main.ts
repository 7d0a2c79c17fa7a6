/**
 * Runs one command line: signals, errors and the exit status are handled here and nowhere else.
 * A signal aborts the command and gives it three seconds; the second one ends it at once.
 */
import { constants } from 'node:os';
import type { FirstLook } from './first-look.ts';
import { watchOutput } from './output-errors.ts';
import { readPlainPublish } from './plain-publish.ts';
import { reportError } from './report-error.ts';
import { type CommonFlags, createSession, type OpenSession, type Session } from './session.ts';

const GRACE_MS = 3000;

/**
 * Runs a command line.
 *
 * @param argv - as `process.argv`
 * @param seen - what came of the first look of a publish, if there was one
 * @returns the exit status
 */
export async function main(argv: readonly string[], seen?: FirstLook): Promise<number> {
  const stop = new AbortController();
  const interruption = watchSignals(stop);
  watchOutput();
  let session = createSession(earlyFlags(argv), stop.signal);
  const open = (flags: CommonFlags): Session => {
    session = createSession(flags, stop.signal, seen?.config);
    return session;
  };
  let status: number;
  try {
    status = await run(argv, open, seen);
  } catch (error) {
    const interrupted = interruption.status();
    if (interrupted === undefined) {
      status = reportError(error, session.terminal, Boolean(process.env['DRAYER_DEBUG']));
    } else {
      status = interrupted;
      session.terminal.say('stopped; nothing is left half done');
    }
  }
  return interruption.status() ?? status;
}

async function run(
  argv: readonly string[],
  open: OpenSession,
  seen: FirstLook | undefined,
): Promise<number> {
  const plain = readPlainPublish(argv);
  if (plain === undefined) return (await import('./program.ts')).createProgram(open)(argv);
  const { beginPublish } = await import('./begin-publish.ts');
  return beginPublish(open(plain.flags), plain.directory, { flags: plain.flags, seen });
}

/** What an error that comes before the flags are parsed needs to know. */
function earlyFlags(argv: readonly string[]): CommonFlags {
  return { json: argv.includes('--json') };
}

function watchSignals(stop: AbortController): { status(): number | undefined } {
  let status: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const code = 128 + constants.signals[name];
    process.on(name, () => {
      if (status !== undefined) process.exit(code);
      status = code;
      stop.abort();
      setTimeout(() => process.exit(code), GRACE_MS).unref();
    });
  }
  return { status: () => status };
}
