/**
 * Where output goes. Rules:
 *   results to stdout, everything else to stderr as `drayer: …`
 *   sentences start small and end without a full stop, so that several read as a list
 *   colours only on a terminal, never with NO_COLOR
 *   text that came from a stream is made visible: it must not move the cursor or rename the window
 *   --json prints one object to stdout and nothing else there; --quiet silences all but warnings
 */
import { styleText } from 'node:util';
import { withoutSecrets } from '../core/without-secrets.ts';

/** A style of {@link Terminal.paint}. */
export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan' | 'underline';

/** What a command prints through. */
export type Terminal = {
  /** Results are one JSON object. */
  readonly isJson: boolean;
  /** A person is there to answer: both ends are terminals and nothing says CI. */
  readonly isInteractive: boolean;
  /** Progress may be drawn and erased on stderr. */
  readonly isLive: boolean;
  /** One line of result to stdout. */
  print(line: string): void;
  /** One JSON object to stdout. */
  printJson(value: unknown): void;
  /** A remark to stderr; silenced by --quiet and by --json. */
  say(line: string): void;
  /** A warning, an error or its hint to stderr, never silenced; lines after the first are set in. */
  complain(label: 'warning' | 'error' | 'hint', text: string): void;
  /** Text to stderr as it is, for progress. */
  draw(text: string): void;
  /** `text` in a style, where stdout (or stderr) shows styles. */
  paint(style: Style, text: string, to?: 'stdout' | 'stderr'): string;
};

const LABELS = { warning: 'yellow', error: 'red', hint: 'cyan' } as const;

/** What {@link createTerminal} looks at. */
export type TerminalOptions = {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** Makes the terminal of one run over the process's own streams. */
export function createTerminal(options: TerminalOptions): Terminal {
  const { json, quiet, environment } = options;
  const plain = Boolean(environment['NO_COLOR']) || environment['TERM'] === 'dumb';
  const isCi = Boolean(environment['CI']);
  // A terminal without width cannot be drawn on.
  const hasWidth = process.stderr.isTTY === true && process.stderr.columns > 0;
  const isLive = hasWidth && !isCi && !json && !quiet;
  const paint: Terminal['paint'] = (style, text, to = 'stdout') =>
    plain || process[to].isTTY !== true ? text : styleText(style, text, { validateStream: false });
  const note = (line: string): void => void process.stderr.write(`drayer: ${line}\n`);
  return {
    isJson: json,
    isInteractive: isLive && process.stdin.isTTY === true,
    isLive,
    print: (line) => void process.stdout.write(`${line}\n`),
    printJson: (value) => void process.stdout.write(`${JSON.stringify(value)}\n`),
    say: (line) => (quiet || json ? undefined : note(visible(withoutSecrets(line)))),
    complain: (label, text) => {
      const [line = '', ...more] = visibleLines(withoutSecrets(text));
      note(`${paint(LABELS[label], `${label}:`, 'stderr')} ${line}`);
      for (const one of more) note(`  ${one}`);
    },
    draw: (text) => void process.stderr.write(text),
    paint,
  };
}

/**
 * Makes control characters visible: `\n` becomes `\x0a`, ESC `\x1b`. Also the marks that turn the
 * direction of text round, which make `gpj.exe` read as `exe.jpg`.
 */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (c) => {
    const code = c.charCodeAt(0);
    const digits = code.toString(16);
    return code < 256 ? `\\x${digits.padStart(2, '0')}` : `\\u${digits.padStart(4, '0')}`;
  });
}

/** {@link visible}, for a text of several lines, such as a list of faults. */
export function visibleLines(text: string): string[] {
  return text.split('\n').map(visible);
}
