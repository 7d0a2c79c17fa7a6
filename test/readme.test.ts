/** The README's own code and commands, run as they stand. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SITE_URL, shell } from './helpers/drayer.ts';
import { runNode } from './helpers/run-node.ts';
import { scope } from './helpers/scope.ts';

const test = suite('readme');
const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(`${root}/README.md`, 'utf8');

function blockAfter(fence: string): string {
  const start = readme.indexOf(fence);
  assert.ok(start >= 0, `no block ${fence}`);
  return readme.slice(start + fence.length, readme.indexOf('```', start + fence.length));
}

test(
  'the library example :: runs and prints what it says',
  scope(async (t) => {
    mkdirSync(t.path('node_modules'));
    symlinkSync(root, t.path('node_modules', 'drayer'));
    // As a newcomer without a compiler would: the example is plain JavaScript.
    writeFileSync(t.path('example.mjs'), blockAfter('```ts example\n'));

    const run = await runNode(['example.mjs'], t.directory);

    assert.is(run.status, 0, run.stderr);
    assert.is(
      run.stdout,
      'generation 1\ngeneration 2\nquince { planted: 2023, kilos: 3 }\n{ planted: 2023, kilos: 3 }\n',
    );
  }),
);

test(
  'the ten minutes :: every command of it works in the order it stands there',
  scope(async (t) => {
    const author = shell(t);
    const friend = shell(t, { home: 'friend', directory: t.path('friend') });
    const text = blockAfter('## Ten minutes') + blockAfter('drayer serve site ');
    assert.match(text, 'drayer` is the built command');
    mkdirSync(t.path('site'));
    writeFileSync(t.path('site', 'index.html'), '<h1>Hello</h1>\n');

    assert.is((await author.run('publish', 'site')).status, 0);
    const server = author.start('serve', 'site', '--port', '0');
    const [, , port] = await server.waitFor(SITE_URL);
    const mirrored = await friend.run('mirror', `http://127.0.0.1:${port}`);
    assert.is(mirrored.status, 0, mirrored.stderr);
    await server.stop();
    const mirror = friend.start('serve', '--port', '0');
    const [, host, mirrorPort] = await mirror.waitFor(SITE_URL);

    const reply = await fetch(`http://127.0.0.1:${mirrorPort}/streams.json`);
    assert.match(await reply.text(), /"id"/);
    assert.is(host?.length, 52);
  }),
);

test('the commands :: each one the README names exists, and each that exists is named', async () => {
  const help = await runNode([`${root}/dist/cli/bin.cjs`, '--help'], root);
  const commands = [...help.stdout.matchAll(/^ {2}([a-z]+) (?:\[| {2})/gm)].map(
    (match) => match[1],
  );

  assert.ok(commands.length >= 10, help.stdout);
  for (const command of commands) {
    if (command === 'help') continue;
    assert.match(readme, new RegExp(`\`(drayer )?${command}\\b`), command);
  }
});

test.run();
