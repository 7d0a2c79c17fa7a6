/** The scripts the command is built into load everything they name, also what few commands need. */
import { readFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shell } from '../helpers/drayer.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/scripts');

for (const [name, one] of Object.entries({
  bin: './main.cjs',
  main: './program.cjs',
  program: 'koa',
})) {
  test(`${name}.cjs :: whatever it requires can be required`, () => {
    const path = fileURLToPath(new URL(`../../dist/cli/${name}.cjs`, import.meta.url));
    const { resolve } = createRequire(path);
    const named = readFileSync(path, 'utf8').matchAll(/\brequire\("([^"]+)"\)/g);
    const packages = new Set(
      [...named].map(([, each = '']) => each).filter((each) => !isBuiltin(each)),
    );

    assert.ok(packages.has(one), [...packages].join());
    for (const each of packages) assert.not.throws(() => resolve(each), each);
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
