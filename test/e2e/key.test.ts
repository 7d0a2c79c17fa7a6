/** `drayer key`: keys by whatever name, and what is no key. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shell } from '../helpers/drayer.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/key');

test(
  'key show :: reads a key file by any name, and a stream that is named like a key',
  scope(async (t) => {
    const sh = shell(t);
    assert.is((await sh.run('key', 'new', 'my.key')).status, 0);
    mkdirSync(t.path('site'));
    writeFileSync(t.path('site', 'index.html'), 'x');
    assert.is((await sh.run('publish', 'site', '--key-file', 'my.key')).status, 0);
    renameSync(t.path('site.stream'), t.path('stream.key'));

    const key = await sh.run('key', 'show', 'my.key', '--json');
    assert.is(key.status, 0, key.stderr);
    const stream = await sh.run('key', 'show', 'stream.key', '--json');
    assert.is(stream.status, 0, stream.stderr);

    assert.is(JSON.parse(key.stdout).id, JSON.parse(stream.stdout).id);
    assert.is(JSON.parse(key.stdout).keyPath, t.path('my.key'));
    // Moved to a name that scope's check for printed keys finds.
    renameSync(t.path('my.key'), t.path('my.privatekey'));
  }),
);

test(
  'key show :: says what a file that is no key is not',
  scope(async (t) => {
    const sh = shell(t);
    writeFileSync(t.path('note.txt'), 'no key at all', { mode: 0o600 });

    const { status, stderr } = await sh.run('key', 'show', 'note.txt');

    assert.is(status, 2);
    assert.match(stderr, 'note.txt: expected the base64 of 64 bytes, got 13 characters');
  }),
);

test.run();
