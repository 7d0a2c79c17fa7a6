import { CommanderError } from 'commander';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { reportError } from '../../src/cli/report-error.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { DrayerError } from '../../src/core/errors.ts';

const test = suite('cli/report-error');

type Heard = { status: number; lines: string[]; json: unknown[] };

function report(error: unknown, { json = false, debug = false } = {}): Heard {
  const lines: string[] = [];
  const objects: unknown[] = [];
  const terminal: Terminal = {
    isJson: json,
    isInteractive: false,
    isLive: false,
    print: (line) => lines.push(`stdout ${line}`),
    printJson: (value) => objects.push(value),
    say: (line) => lines.push(line),
    complain: (label, line) => lines.push(`${label}: ${line}`),
    draw: (text) => lines.push(text),
    paint: (_style, text) => text,
  };
  return { status: reportError(error, terminal, debug), lines, json: objects };
}

test('reportError :: message, hint, and the exit status of the code', () => {
  const error = new DrayerError('UNREACHABLE', 'nobody is there', { hint: 'check the address' });

  assert.equal(report(error), {
    status: 7,
    lines: ['error: nobody is there', 'hint: check the address'],
    json: [],
  });
});

test('reportError :: --json prints the same as one object', () => {
  const error = new DrayerError('MASS_DELETE', 'all gone', { hint: 'look' });

  assert.equal(report(error, { json: true }).json, [
    { error: { code: 'MASS_DELETE', message: 'all gone', hint: 'look' } },
  ]);
});

test('reportError :: a system error is a sentence with its path', () => {
  const error = Object.assign(new Error('EACCES: permission denied, open'), {
    code: 'EACCES',
    path: '/root/x',
  });

  const { status, lines } = report(error);

  assert.is(status, 1);
  assert.is(lines[0], 'error: /root/x: permission denied');
});

test('reportError :: a fault of our own says so, and shows its stack only when asked', () => {
  const error = new TypeError('x is undefined', { cause: new Error('deeper') });

  const quiet = report(error);
  assert.is(quiet.status, 1);
  assert.equal(quiet.lines, [
    'error: x is undefined',
    'hint: this is a fault of drayer; DRAYER_DEBUG=1 shows where it happened',
  ]);

  const [, , stack = ''] = report(error, { debug: true }).lines;
  assert.match(stack, /TypeError: x is undefined\n\s+at /);
  assert.match(stack, /caused by: Error: deeper\n\s+at /);
});

test('reportError :: usage errors of the parser are status 2, its suggestion is the hint', () => {
  const unknown = new CommanderError(
    1,
    'commander.unknownOption',
    "error: unknown option '--jsn'\n(Did you mean --json?)",
  );

  assert.equal(report(unknown), {
    status: 2,
    lines: ["error: unknown option '--jsn'", 'hint: Did you mean --json?'],
    json: [],
  });
});

test('reportError :: help that was asked for is no error, help instead of a command is', () => {
  assert.equal(report(new CommanderError(0, 'commander.helpDisplayed', '(help)')), {
    status: 0,
    lines: [],
    json: [],
  });
  assert.is(report(new CommanderError(0, 'commander.version', '1.0.0')).status, 0);
  const help = new CommanderError(1, 'commander.help', '(help)');
  assert.equal(report(help), { status: 2, lines: [], json: [] });
  assert.equal(report(help, { json: true }).json, [
    {
      error: {
        code: 'USAGE',
        message: 'expected the name of a command',
        hint: 'drayer help shows the commands, drayer help COMMAND its options',
      },
    },
  ]);
});

test.run();
