/** The package as somebody gets it: packed, installed into an empty folder, and run there. */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { scope } from './helpers/scope.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const test = suite('package');

/** Where the native binding lies; scripts are not run here, since compiling takes a minute. */
const BINDING = join('node_modules', 'better-sqlite3', 'build', 'Release', 'better_sqlite3.node');

function run(command: string, args: string[], cwd: string) {
  const env = { ...process.env, NO_COLOR: '1', XDG_DATA_HOME: join(cwd, 'data') };
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', env });
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}

test('npm pack :: what the README and the commands name lies in the package, and no key', () => {
  const packed = run('npm', ['pack', '--dry-run', '--json'], root);
  assert.is(packed.status, 0, packed.stderr);
  const [{ files }] = JSON.parse(packed.stdout) as [{ files: { path: string }[] }];
  const names = new Set(files.map(({ path }) => path));

  for (const page of ['README.md', ...[...names].filter((name) => /^docs\/.*\.md$/.test(name))]) {
    const text = readFileSync(join(root, page), 'utf8');
    const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, one = '']) => one);
    for (const link of links) {
      if (link === 'src/index.ts') continue;
      assert.ok(names.has(join(dirname(page), link)), `${page}: ${link}`);
    }
  }
  // As `drayer key ci` and docs/DEPLOYING.md say.
  for (const name of ['action.yml', 'report.js', 'deploy.yml', '.gitlab-ci.yml', 'deploy.sh']) {
    assert.ok(names.has(`examples/ci/${name}`), name);
  }
  const keys = [...names].filter((name) => /\.stream|privatekey$/.test(name));
  assert.equal(keys, []);
});

test(
  'npm pack :: the package works in an empty folder, and says what to do without its binding',
  scope((t) => {
    const packed = run('npm', ['pack', '--silent', '--pack-destination', t.directory], root);
    assert.is(packed.status, 0, packed.stderr);
    const tarball = readdirSync(t.directory).find((name) => name.endsWith('.tgz')) ?? '';
    const home = t.path('empty');
    mkdirSync(home);
    writeFileSync(join(home, 'package.json'), '{"private":true,"type":"module"}');

    const installed = run(
      'npm',
      ['install', '--ignore-scripts', '--prefer-offline', '--silent', t.path(tarball)],
      home,
    );
    assert.is(installed.status, 0, installed.stderr);

    mkdirSync(join(home, 'site'));
    writeFileSync(join(home, 'site', 'index.html'), '<!doctype html><title>packed</title>');
    const bin = join(home, 'node_modules', '.bin', 'drayer');
    const version = run(bin, ['--version'], home);
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);

    const started = run(bin, ['init', 'show', '--template', 'gallery', '--json'], home);
    assert.is(started.status, 0, started.stderr);
    const { files } = JSON.parse(started.stdout) as { files: string[] };
    const isStored = (file: string): boolean => file !== '_gitignore' && file !== '_template.json';
    const stored = readdirSync(join(root, 'templates', 'gallery'), { recursive: true })
      .map(String)
      .filter((file) => statSync(join(root, 'templates', 'gallery', file)).isFile())
      .filter(isStored);
    assert.equal([...files].sort(), ['.gitignore', ...stored].sort());

    const unbound = run(bin, ['publish', 'site'], home);
    assert.is(unbound.status, 1, unbound.stderr);
    assert.match(unbound.stderr, /better-sqlite3/);
    assert.match(unbound.stderr, /hint: .*npm rebuild better-sqlite3/);
    assert.not.match(unbound.stderr, /\n\s+at /);

    mkdirSync(dirname(join(home, BINDING)), { recursive: true });
    copyFileSync(join(root, BINDING), join(home, BINDING));
    const published = run(bin, ['publish', 'site', '--json'], home);
    assert.is(published.status, 0, published.stderr);

    writeFileSync(
      join(home, 'use.js'),
      `import { openStream } from 'drayer';
       const stream = openStream('site.stream');
       console.log(Buffer.from(stream.getFile('index.html')).toString());`,
    );
    const used = run(process.execPath, ['use.js'], home);
    assert.is(used.stdout, '<!doctype html><title>packed</title>\n', used.stderr);
  }),
);

test.run();
