/** `drayer/eleventy` in a real Eleventy project. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Scope, scope } from '../helpers/scope.ts';
import { contentOfFolder, contentOfStream, generationOf } from '../helpers/site-content.ts';
import { type ToolProject, toolProject } from '../helpers/tool-project.ts';

const test = suite('e2e/eleventy');

const entry = import.meta.resolve('@11ty/eleventy');
const ELEVENTY = {
  packages: ['@11ty/eleventy'],
  script: fileURLToPath(new URL('../cmd.cjs', entry)),
};

function config(body: string): Record<string, string> {
  return {
    'eleventy.config.js': `
      import { drayer } from 'drayer/eleventy';
      import { writeFile } from 'node:fs/promises';
      export default function (eleventyConfig) {
        eleventyConfig.addPassthroughCopy('style.css');
        eleventyConfig.ignores.add('drafts/');
        ${body}
      }`,
  };
}

function project(t: Scope, body: string): ToolProject {
  return toolProject(t, ELEVENTY, {
    'package.json': '{ "type": "module" }',
    'index.md': '# Hello\n\nMade by Eleventy.\n',
    'posts/first.md': '# First\n',
    'style.css': 'body { color: #123456 }',
    ...config(body),
  });
}

test(
  'drayer :: the stream is what eleventy has written, also what other listeners write at the very end',
  scope(async (t) => {
    const { run, sh } = project(
      t,
      `eleventyConfig.addPlugin(drayer, { stream: '../keep.stream' });
       eleventyConfig.addPlugin((later) => later.on('eleventy.after', async ({ directories }) => {
         await new Promise((resolve) => setTimeout(resolve, 500));
         await writeFile(directories.output + 'late.txt', 'late');
       }));`,
    );

    const { status, output } = await run([]);

    assert.is(status, 0, output);
    const published = contentOfStream(t.path('keep.stream'));
    assert.equal(published, contentOfFolder(t.path('project', '_site')));
    assert.equal(Object.keys(published), [
      'index.html',
      'late.txt',
      'posts/first/index.html',
      'style.css',
    ]);
    assert.match(output, '[11ty] drayer: published _site: 4 added, generation 1');
    assert.match(output, `drayer: made a key: ${t.path('keep.stream.privatekey')}`);
    assert.is((await sh.run('verify', t.path('keep.stream'))).status, 0);

    const before = generationOf(t.path('keep.stream'));
    const again = await run([]);

    assert.is(again.status, 0);
    assert.match(again.output, 'drayer: nothing to publish: _site is as it was');
    assert.equal(generationOf(t.path('keep.stream')), before);
  }),
);

test(
  'drayer :: without the plugin there is no stream; with `never` and with --dryrun neither',
  scope(async (t) => {
    const { run, write } = project(t, '');
    assert.is((await run([])).status, 0);
    assert.ok(existsSync(t.path('project', '_site', 'index.html')));

    write(config("eleventyConfig.addPlugin(drayer, { when: 'never' });"));
    assert.is((await run([])).status, 0);
    write(config('eleventyConfig.addPlugin(drayer);'));
    assert.is((await run(['--to=json'])).status, 0);

    assert.not(existsSync(t.path('project', '_site.stream')));
  }),
);

test(
  'drayer :: a build that fails publishes nothing, and what cannot be published fails the build',
  scope(async (t) => {
    const { run, write } = project(t, 'eleventyConfig.addPlugin(drayer);');
    assert.is((await run([])).status, 0);
    const before = generationOf(t.path('project', '_site.stream'));

    write({ 'posts/bad.md': '# {{ "x" | noSuchFilter }}\n', 'posts/good.md': '# Good\n' });
    const failed = await run([]);
    assert.is(failed.status, 1, failed.output);
    assert.match(failed.output, 'noSuchFilter');

    write({
      'posts/bad.md': '# Bad no more\n',
      ...config(`eleventyConfig.addPlugin(drayer);
        eleventyConfig.on('eleventy.after', () => { throw new Error('late failure'); });`),
    });
    const late = await run([]);
    assert.is(late.status, 1, late.output);
    assert.equal(generationOf(t.path('project', '_site.stream')), before);

    write(config("eleventyConfig.addPlugin(drayer, { keyFile: 'no.privatekey' });"));
    const keyless = await run([]);
    assert.is(keyless.status, 1, keyless.output);
    assert.match(keyless.output, /no\.privatekey: no private key\n.*hint: /);

    write(config("eleventyConfig.addPlugin(drayer, { when: 'sometimes' });"));
    const wrong = await run([]);
    assert.is(wrong.status, 1);
    assert.match(
      wrong.output,
      /options of drayer\(\): when: expected 'build', 'always' or 'never', got "sometimes"/,
    );
    assert.equal(generationOf(t.path('project', '_site.stream')), before);
  }),
);

test(
  'drayer :: --watch and --serve publish only with `always`, then every rebuild',
  scope(async (t) => {
    const { start, write } = project(t, 'eleventyConfig.addPlugin(drayer);');
    for (const mode of ['--watch', '--serve']) {
      const quiet = start([mode, '--port=0']);
      await quiet.printed(/Wrote \d+ files/);
      const nudge = (round: number) => write({ 'index.md': `# ${mode} ${round}\n` });
      await quiet.printed(/Wrote \d+ files/, { times: 2, nudge });
      await quiet.stop();
      assert.not(existsSync(t.path('project', '_site.stream')));
    }

    write(config("eleventyConfig.addPlugin(drayer, { when: 'always' });"));
    const loud = start(['--watch']);
    await loud.printed('drayer: published _site: 3 added');
    const nudge = (round: number) => write({ 'posts/first.md': `# Again ${round}\n` });
    await loud.printed(/drayer: published _site: .* generation 2/, { nudge });

    const published = contentOfStream(t.path('project', '_site.stream'));
    assert.equal(Object.keys(published), ['index.html', 'posts/first/index.html', 'style.css']);
  }),
);

test(
  'drayer :: drayer publish runs eleventy itself where the config says so',
  scope(async (t) => {
    const { sh, write } = project(t, 'eleventyConfig.addPlugin(drayer);');
    write({
      'drayer.config.ts': `import { defineConfig } from 'drayer';
        export default defineConfig({
          build: { command: '"$NODE" node_modules/@11ty/eleventy/cmd.cjs', output: '_site' },
          stream: 'own.stream',
        });`,
    });

    const { status, stdout, stderr } = await sh.with({ NODE: process.execPath }).run('publish');

    assert.is(status, 0, stderr);
    assert.match(stderr, /\[11ty\] drayer: drayer publish runs this build/);
    assert.match(stdout, 'published _site: 3 added');
    assert.equal(
      contentOfStream(t.path('project', 'own.stream')),
      contentOfFolder(t.path('project', '_site')),
    );
    assert.match(
      readFileSync(t.path('project', '_site', 'index.html'), 'utf8'),
      'Made by Eleventy',
    );
  }),
);

test.run();
