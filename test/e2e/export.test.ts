/** `drayer export`: an own site and a mirrored one as files again. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createStream } from '../../src/store/open-stream.ts';
import { SITE_URL, shell } from '../helpers/drayer.ts';
import { readFolder } from '../helpers/fetch-site.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/export');

test(
  'export :: an own site by the folder alone, a mirrored one by its id',
  scope(async (t) => {
    const sh = shell(t);
    mkdirSync(t.path('site', 'deep'), { recursive: true });
    writeFileSync(t.path('site', 'index.html'), '<h1>Hello</h1>');
    writeFileSync(t.path('site', 'deep', 'page.html'), 'deep');
    const { id } = JSON.parse((await sh.run('publish', 'site', '--json')).stdout);
    const server = sh.start('serve', 'site', '--port', '0');
    const [url] = await server.waitFor(SITE_URL);
    const friend = shell(t, { home: 'friend', directory: t.path('friend') });
    await friend.run('mirror', url);

    const own = await sh.run('export', 'copy');
    const mirrored = await friend.run('export', id, 'copy', '--json');

    assert.is(own.status, 0, own.stderr);
    assert.match(own.stdout, /^exported .*copy: 2 files, 18 bytes, generation 1\n$/);
    assert.is(mirrored.status, 0, mirrored.stderr);
    const { files, bytes, seq, directory, skipped } = JSON.parse(mirrored.stdout);
    const expected = [2, 18, 1, t.path('friend', 'copy'), []];
    assert.equal([files, bytes, seq, directory, skipped], expected);
    assert.equal(readFolder(t.path('copy')), readFolder(t.path('site')));
    assert.equal(readFolder(t.path('friend', 'copy')), readFolder(t.path('site')));
    const again = await sh.run('export', 'site', 'copy');
    assert.is(again.status, 2);
    assert.match(again.stderr, 'expected a new or an empty folder, found a folder with something');
  }),
);

test(
  'export :: names that are not safe are listed, visibly, and nothing is written',
  scope(async (t) => {
    const sh = shell(t);
    const stream = createStream(t.path('site.stream'));
    for (const key of ['index.html', '../evil', 'a\u001b[2Jb', 'Twin', 'twin']) {
      stream.setBytes('file', key, new Uint8Array());
    }
    stream.putFile('good.html', Buffer.from('good'));
    stream.close();

    const { status, stderr } = await sh.run('export', 'out');

    assert.is(status, 1);
    assert.match(stderr, 'nothing was written because of 4 files');
    for (const line of ['../evil: ', 'a\\x1b[2Jb: ', 'Twin: ', 'twin: '])
      assert.match(stderr, line);
    assert.match(stderr, 'hint: write all the others: --skip-unsafe');
    const others = readdirSync(t.directory).filter((name) => !/^(home$|site\.stream)/.test(name));
    assert.equal(others, []);

    const most = await sh.run('export', 'out', '--skip-unsafe');
    assert.is(most.status, 0, most.stderr);
    assert.match(most.stderr, 'warning: left out ../evil: expected no segment ..');
    assert.equal([...readFolder(t.path('out')).keys()], ['good.html']);
  }),
);

test.run();
