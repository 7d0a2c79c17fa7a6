/** The scripts the command is built into load everything they name, also what few commands need. */
import { readFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shell } from '../helpers/drayer.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/scripts');

for (const name of ['bin', 'main']) {
  test(`${name}.cjs :: whatever it requires can be required`, () => {
    const path = fileURLToPath(new URL(`../../dist/cli/${name}.cjs`, import.meta.url));
    const { resolve } = createRequire(path);
    const named = readFileSync(path, 'utf8').matchAll(/\brequire\("([^"]+)"\)/g);
    const packages = new Set(
      [...named].map(([, one = '']) => one).filter((one) => !isBuiltin(one)),
    );

    assert.ok(packages.has(name === 'bin' ? './main.cjs' : 'better-sqlite3'), [...packages].join());
    for (const one of packages) assert.not.throws(() => resolve(one), one);
  });
}

test(
  'doctor :: what looks into the DHT is loaded with it',
  scope(async (t) => {
    const { stdout, stderr } = await shell(t).run('doctor');

    assert.match(stdout, /better-sqlite3 opens a database/);
    assert.not.match(stderr, 'fault of drayer');
  }),
);

test.run();
