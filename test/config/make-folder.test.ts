import { existsSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeFolder } from '../../src/config/make-folder.ts';
import { scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('config/make-folder');

test(
  'makeFolder :: makes what is missing, several at once, and leaves what is there',
  scope(async (t) => {
    const path = t.path('a', 'b', 'c');

    await Promise.all([makeFolder(path), makeFolder(path), makeFolder(t.path('a', 'b', 'd'))]);
    await makeFolder(path);

    assert.ok(statSync(path).isDirectory());
    assert.ok(statSync(t.path('a', 'b', 'd')).isDirectory());
  }),
);

test(
  'makeFolder :: a file in its place, or above it, is named',
  scope(async (t) => {
    writeFileSync(t.path('file'), '');

    for (const path of [t.path('file'), t.path('file', 'x', 'y')]) {
      const error = await rejectsCode(makeFolder(path), 'USAGE');
      assert.is(error.message, `${t.path('file')}: is a file, not a folder`);
    }
  }),
);

test(
  'makeFolder :: a link to a folder is a folder, a link to nothing is not',
  scope(async (t) => {
    await makeFolder(t.path('real'));
    symlinkSync(t.path('real'), t.path('link'));
    symlinkSync(t.path('gone'), t.path('dangling'));

    await makeFolder(t.path('link', 'x'));

    assert.ok(existsSync(t.path('real', 'x')));
    await rejectsCode(makeFolder(t.path('dangling', 'x')), 'STORAGE_FAILED');
  }),
);

// Node's own recursive mkdir never comes back from here.
(existsSync('/proc/self') ? test : test.skip)(
  'makeFolder :: a file system that lets no folder be made is an error, at once',
  async () => {
    for (const path of ['/proc/x', '/proc/x/y/z']) {
      const error = await rejectsCode(makeFolder(path), 'STORAGE_FAILED');
      assert.match(error.message, '/proc/x: cannot make this folder');
    }
  },
);

test.run();
