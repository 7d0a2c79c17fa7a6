import { existsSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatSecretKey } from '../../src/store/key-file.ts';
import { writeSite } from '../helpers/disk-site.ts';
import { shell } from '../helpers/drayer.ts';
import { KEY_A } from '../helpers/keys.ts';
import { primary } from '../helpers/push-primary.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/publish-to');

const DRAYER_KEY = formatSecretKey(KEY_A.secretKey).trim();

test(
  'publish --to :: a runner with the key and the site publishes, and leaves no stream behind',
  scope(async (t) => {
    const server = await primary(t);
    writeSite(t.path('dist'), { 'index.html': '<h1>hello</h1>', 'a.txt': 'a' });
    const runner = shell(t).with({ DRAYER_KEY });

    const look = await runner.run('publish', 'dist', '--to', server.url, '--unused-key', '-n');
    const first = await runner.run('publish', 'dist', '--to', server.url, '--unused-key');
    writeSite(t.path('dist'), { 'index.html': '<h1>again</h1>' });
    const second = await runner.run('publish', 'dist', '--to', server.url, '--json');
    const third = await runner.run('publish', 'dist', '--to', server.url);

    assert.equal([look.status, first.status, second.status, third.status], [0, 0, 0, 0]);
    assert.match(look.stdout, /nothing was written; .*2 added/);
    assert.match(first.stdout, /published dist: 2 added, .* generation 1/);
    assert.match(first.stderr, /commit drayer\.lock/);
    const json = JSON.parse(second.stdout);
    assert.equal([json.seq, json.changed, json.to], [2, ['index.html'], server.url]);
    assert.is(json.stream, undefined);
    assert.match(third.stdout, /nothing to publish: .*generation 2/);
    assert.is(server.seq(), 2);
    assert.is(existsSync(t.path('dist.stream')), false);
    assert.equal(server.errors, []);
  }),
);

test(
  'publish :: refusals are a sentence, a remedy and a status of the table',
  scope(async (t) => {
    const server = await primary(t);
    const closed = await primary(t, { name: 'closed', isAllowed: () => false });
    writeSite(t.path('dist'), { 'index.html': '<h1>hello</h1>' });
    const nobody = shell(t);
    const runner = nobody.with({ DRAYER_KEY });
    const to = ['publish', 'dist', '--to'];

    const cases = [
      [await nobody.run(...to, server.url), 4, /no key to publish with/],
      [await runner.run(...to, server.url), 8, /may have signed one/],
      [await runner.run(...to, closed.url, '--unused-key'), 1, /drayer allow/],
      [await runner.run(...to, 'http://127.0.0.1:1', '--unused-key'), 7, /connection refused/],
      [await runner.run(...to, server.url, '--watch'), 2, /--watch is not for a stream/],
    ] as const;

    for (const [{ status, stderr }, expected, said] of cases) {
      assert.match(stderr, said);
      assert.match(stderr, /hint: /);
      assert.is(status, expected, stderr);
    }
    assert.is(server.seq(), 0);
  }),
);

test(
  'publish :: what was published here is not begun anew on a server, nor written past it',
  scope(async (t) => {
    const server = await primary(t);
    const project = shell(t, { directory: t.path('project') });
    writeSite(t.path('project', 'site'), { 'index.html': '<h1>hello</h1>' });
    assert.is((await project.run('publish', 'site')).status, 0);
    const config = `export default { directory: 'site', to: '${server.url}' };\n`;
    writeFileSync(t.path('project', 'drayer.config.ts'), config);

    const { status, stderr } = await project.run('publish');
    const edit = await project.run('put', 'site.stream', 'note', 'text');

    assert.is(status, 8, stderr);
    assert.match(stderr, /was published; to publish now would make a second history/);
    assert.is(existsSync(t.path('project', 'drayer.lock')), false);
    assert.is(edit.status, 8, edit.stderr);
    assert.match(edit.stderr, /written only there/);
  }),
);

test.run();
