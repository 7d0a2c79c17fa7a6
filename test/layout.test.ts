/** What no compiler checks: the shape of the tree, and the traps of the test runner. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const root = fileURLToPath(new URL('..', import.meta.url));
const test = suite('layout');

function filesBelow(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

test('tests :: every test file runs its suite', () => {
  const files = filesBelow('test', /\.test\.ts$/);

  const silent = files.filter((file) => !/\.run\(\);\s*$/.test(readFileSync(file, 'utf8')));

  assert.ok(files.length > 30, `only ${files.length} test files found`);
  assert.equal(silent, []);
});

test('tests :: assert.throws always has a matcher', () => {
  const loose = filesBelow('test', /\.ts$/).filter((file) =>
    /assert\.throws\(\s*\(\) => [^,;]*\);/.test(readFileSync(file, 'utf8')),
  );

  assert.equal(loose, []);
});

test('src :: no file is longer than 300 lines', () => {
  const long = filesBelow('src', /\.ts$/).filter(
    (file) => readFileSync(file, 'utf8').trimEnd().split('\n').length > 300,
  );

  assert.equal(long, []);
});

test('src :: every folder has its layer rule', () => {
  const rules = readFileSync(join(root, 'biome.json'), 'utf8');
  const folders = readdirSync(join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);

  const free = folders.filter((folder) => !rules.includes(`"src/${folder}/**"`));

  assert.ok(folders.length >= 11);
  assert.equal(free, []);
});

test('package.json :: the runtime dependencies are the ones docs/ARCHITECTURE.md names', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const architecture = readFileSync(join(root, 'docs', 'ARCHITECTURE.md'), 'utf8');

  const unnamed = Object.keys(manifest.dependencies).filter((name) => !architecture.includes(name));

  assert.equal(unnamed, []);
});

test('templates :: a dot file is stored with an underscore, or npm would swallow it', () => {
  const templates = readdirSync(join(root, 'templates'));

  assert.ok(templates.length >= 1);
  for (const template of templates) {
    assert.ok(existsSync(join(root, 'templates', template, '_gitignore')), template);
    assert.not(existsSync(join(root, 'templates', template, '.gitignore')), template);
  }
});

test.run();
