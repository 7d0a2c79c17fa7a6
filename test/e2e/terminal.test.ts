/** What a person at a terminal is asked, and that nobody is asked elsewhere. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Shell, SITE_URL, shell } from '../helpers/drayer.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/terminal');
const onLinux = process.platform === 'linux' ? test : test.skip;

async function twoSites(t: Scope): Promise<{ friend: Shell; url: string }> {
  const sh = shell(t);
  for (const name of ['apples', 'pears']) {
    mkdirSync(t.path(name));
    writeFileSync(t.path(name, 'index.html'), name);
    await sh.run('publish', name);
  }
  const server = sh.start('serve', 'apples', 'pears', '--port', '0');
  const [, , port] = await server.waitFor(SITE_URL);
  const friend = shell(t, { home: 'friend', directory: t.path('friend') });
  return { friend, url: `http://127.0.0.1:${port}` };
}

onLinux(
  'mirror :: of a server with two streams asks which one, and takes the one that is chosen',
  scope(async (t) => {
    const { friend, url } = await twoSites(t);
    const running = friend.startOnTerminal('mirror', url, '--stream', 'copy.stream');

    await running.waitFor(/offers 2 streams\. Which one\?[\s\S]*pears/);
    running.child.stdin?.write('\u001b[B');
    await running.waitFor(/[●◉>] .*pears/);
    running.child.stdin?.write('\r');
    const { status, stdout } = await running.ended;

    assert.is(status, 0, stdout);
    assert.is((await friend.run('cat', 'copy.stream', 'index.html')).stdout, 'pears');
  }),
);

onLinux(
  'mirror :: a choice that is called off takes nothing',
  scope(async (t) => {
    const { friend, url } = await twoSites(t);
    const running = friend.startOnTerminal('mirror', url, '--stream', 'copy.stream');

    await running.waitFor(/Which one\?/);
    running.child.stdin?.write('\u0003');
    const { status, stdout } = await running.ended;

    assert.is(status, 4, stdout);
    assert.match(stdout, 'no stream was chosen');
  }),
);

test(
  'mirror :: asks nobody where there is no terminal, nor in CI',
  scope(async (t) => {
    const { friend, url } = await twoSites(t);

    const piped = await friend.run('mirror', url);
    const ci = await friend.with({ CI: '1' }).startOnTerminal('mirror', url).ended;

    assert.is(piped.status, 4);
    assert.match(piped.stderr, /offers 2 streams: which one\?[\s\S]*hint: .*apples[\s\S]*pears/);
    assert.is(ci.status, 4, ci.stdout);
  }),
);

test.run();
