/**
 * The log of a command that keeps running, on stderr: a line of JSON for each event where a program
 * reads it, a readable line on a terminal. Loaded by those commands only.
 */
import { pino } from 'pino';
import { withoutSecrets } from '../core/without-secrets.ts';
import type { LogLevel } from './log-level.ts';
import { type Terminal, visible } from './terminal.ts';

/** Writes events: `log.info({ id, seq }, 'new generation')`. */
export type Log = {
  readonly [level in 'debug' | 'info' | 'warn' | 'error']: (fields: object, line: string) => void;
};

/** Where a command tells what happens while it runs: its log, or the terminal. */
export type Teller = Pick<Log, 'info' | 'warn'>;

/** How much to log, as flags say. */
export function levelOf({ logLevel, quiet }: LogFlags): LogLevel {
  return logLevel ?? (quiet === true ? 'warn' : 'info');
}

/** Flags of a command with a log. */
export type LogFlags = {
  readonly logLevel?: LogLevel | undefined;
  readonly quiet?: boolean | undefined;
};

/** Opens the log of this process; each line is written before the call returns. */
export async function openLog({ paint }: Terminal, level: LogLevel): Promise<Log> {
  const write = process.stderr.isTTY === true ? await prettyWriter(paint) : (line: string) => line;
  const logger = pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Through the same stream as all else, so that a reader that goes away ends the command as ever.
    { write: (line: string) => void process.stderr.write(withoutSecrets(write(line))) },
  );
  return {
    debug: (fields, line) => logger.debug(fields, line),
    info: (fields, line) => logger.info(fields, line),
    warn: (fields, line) => logger.warn(fields, line),
    error: (fields, line) => logger.error(fields, line),
  };
}

async function prettyWriter(paint: Terminal['paint']): Promise<(line: string) => string> {
  const { prettyFactory } = await import('pino-pretty');
  // Whether colours are wanted is decided where all colours are.
  const colorize = paint('red', 'x', 'stderr') !== 'x';
  const format = prettyFactory({
    colorize,
    translateTime: 'SYS:HH:MM:ss',
    // What a person needs is in the sentence.
    hideObject: true,
    ignore: 'pid',
    messageFormat: (log, key) => visible(String(log[key] ?? '')),
  });
  return (line) => format(line) ?? '';
}
