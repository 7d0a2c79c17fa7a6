import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startProgress } from '../../src/cli/progress.ts';
import type { Terminal } from '../../src/cli/terminal.ts';

const test = suite('cli/progress');

function fake(isLive: boolean): { terminal: Terminal; drawn: string[] } {
  const drawn: string[] = [];
  const nothing = (): void => {};
  const terminal: Terminal = {
    isJson: false,
    isInteractive: isLive,
    isLive,
    print: nothing,
    printJson: nothing,
    say: nothing,
    complain: nothing,
    draw: (text) => drawn.push(text),
    paint: (_style, text) => text,
  };
  return { terminal, drawn };
}

test('startProgress :: what is done within a second is not drawn', () => {
  const { terminal, drawn } = fake(true);
  let now = 0;
  const progress = startProgress(terminal, () => now);

  now = 999;
  progress.update('3 files', 3, 10);
  progress.finish();

  assert.equal(drawn, []);
});

test('startProgress :: then a line with bar and time left, redrawn in place, erased at the end', () => {
  const { terminal, drawn } = fake(true);
  let now = 0;
  const progress = startProgress(terminal, () => now);

  now = 2000;
  progress.update('3 files', 5, 10);
  now = 2010;
  progress.update('too soon', 6, 10);
  now = 4000;
  progress.update('9 files', 1, 100);
  progress.finish();
  progress.finish();

  assert.is(drawn.length, 3);
  assert.is(drawn[0], `\r\u001b[2Kdrayer: ${'█'.repeat(12)}${'░'.repeat(12)} 3 files, 2 s left`);
  assert.match(drawn[1] ?? '', '9 files, 7 min left');
  assert.is(drawn[2], '\r\u001b[2K');
});

test('startProgress :: without a total there is no bar and no guess', () => {
  const { terminal, drawn } = fake(true);
  let now = 0;
  const progress = startProgress(terminal, () => now);

  now = 1000;
  progress.update('7 records');

  assert.equal(drawn, ['\r\u001b[2Kdrayer: 7 records']);
});

test('startProgress :: in a log there is none', () => {
  const { terminal, drawn } = fake(false);
  let now = 0;
  const progress = startProgress(terminal, () => now);

  now = 5000;
  progress.update('3 files', 3, 10);
  progress.finish();

  assert.equal(drawn, []);
});

test.run();
