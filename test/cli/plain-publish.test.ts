import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readPlainPublish } from '../../src/cli/plain-publish.ts';
import { createProgram } from '../../src/cli/program.ts';
import type { CommonFlags } from '../../src/cli/session.ts';

const test = suite('cli/plain-publish');

const PLAIN = [
  '',
  'site',
  './a site',
  '-s x.stream site',
  'site --stream x.stream',
  '--json site',
  '--quiet',
  '-q site --json --check-links=off -s ../x',
  '--stream a --stream b',
];

const OTHERS = [
  '-',
  '--',
  '-- site',
  'site other',
  '--stream',
  '--stream=x.stream',
  '-sx.stream',
  '-s --json',
  '-qs x',
  '--check-links off',
  '--check-links=warn',
  '--check-links',
  '--dry-run',
  '--json=1',
  '--help',
  '--exit-code',
  `${'k'.repeat(86)}`,
  `-s ${'k'.repeat(86)}`,
];

for (const line of PLAIN) {
  test(`readPlainPublish :: ${line || 'nothing'} :: is read as the program reads it`, async () => {
    const argv = argvOf(line);
    const plain = readPlainPublish(argv);
    assert.ok(plain);
    assert.equal({ ...plain.flags }, await flagsOf(argv));
    // The program has no other way to hand it on than to run the command.
    const words = argv.slice(3);
    assert.ok(plain.directory === undefined || words.includes(plain.directory));
  });
}

for (const line of OTHERS) {
  test(`readPlainPublish :: ${line.slice(0, 20)} :: is left to the program`, () => {
    assert.is(readPlainPublish(argvOf(line)), undefined);
  });
}

test('readPlainPublish :: an empty word, another command, no command are left to the program', () => {
  assert.is(readPlainPublish(['node', 'drayer', 'publish', '']), undefined);
  assert.is(readPlainPublish(['node', 'drayer', 'publish', '-s', '']), undefined);
  assert.is(readPlainPublish(['node', 'drayer', 'serve']), undefined);
  assert.is(readPlainPublish(['node', 'drayer']), undefined);
});

class Stopped extends Error {}

/** What the program opens the session of the command with. */
async function flagsOf(argv: readonly string[]): Promise<CommonFlags | undefined> {
  let given: CommonFlags | undefined;
  const program = createProgram((flags) => {
    given = flags;
    throw new Stopped();
  });
  await program(argv).catch((error: unknown) => {
    if (!(error instanceof Stopped)) throw error;
  });
  return given;
}

function argvOf(line: string): string[] {
  const words = line.match(/\.\/a site|\S+/g) ?? [];
  return ['node', 'drayer', 'publish', ...words];
}

test.run();
