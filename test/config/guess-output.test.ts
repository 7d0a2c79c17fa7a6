import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { guessOutput } from '../../src/config/guess-output.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('config/guess-output');

function project(t: Scope, files: readonly string[]): string {
  for (const file of files) {
    mkdirSync(dirname(t.path(file)), { recursive: true });
    writeFileSync(t.path(file), '{}');
  }
  return t.directory;
}

const byIndex = (output: string) => ({
  output,
  reason: 'it has an index.html',
  build: undefined,
});

for (const [what, files, expected] of [
  ['a folder with an index.html', ['public/index.html'], byIndex('public')],
  [
    'what a build made comes before what went into it',
    ['public/index.html', 'dist/index.html'],
    byIndex('dist'),
  ],
  ['a folder without an index.html is none', ['dist/app.js', 'docs/index.html'], byIndex('docs')],
  ['the project itself comes last', ['index.html', '_site/index.html'], byIndex('_site')],
  ['the project itself', ['index.html', 'src/index.html'], byIndex('.')],
  ['nothing to go by', ['src/index.html', 'readme.md'], undefined],
  [
    'a generator that has not run yet',
    ['astro.config.mjs', 'vite.config.ts', 'public/index.html'],
    { output: 'dist', reason: 'Astro writes to it', build: 'npx astro build' },
  ],
  [
    'a generator whose config has a leading dot',
    ['.eleventy.js', 'index.html'],
    { output: '_site', reason: 'Eleventy writes to it', build: 'npx @11ty/eleventy' },
  ],
  [
    'a generator that is no package',
    ['hugo.toml', 'content/a.md'],
    { output: 'public', reason: 'Hugo writes to it', build: 'hugo' },
  ],
] as const) {
  test(
    `guessOutput :: ${what}`,
    scope(async (t) => {
      assert.equal(await guessOutput(project(t, files)), expected);
    }),
  );
}

test(
  'guessOutput :: the build script of package.json comes before the generator’s own command',
  scope(async (t) => {
    const root = project(t, ['vite.config.js']);
    writeFileSync(t.path('package.json'), '{"scripts":{"build":"vite build --mode x"}}');

    assert.is((await guessOutput(root))?.build, 'npm run build');

    for (const broken of ['{', 'null', '[]', '{"scripts":{"build":7}}', '{"scripts":null}']) {
      writeFileSync(t.path('package.json'), broken);
      assert.is((await guessOutput(root))?.build, 'npx vite build', broken);
    }
  }),
);

test.run();
