/** `drayer/astro` in a real Astro project. */
import { existsSync } from 'node:fs';
import type { AstroIntegration } from 'astro';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { drayer } from '../../src/integrations/astro.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { contentOfFolder, contentOfStream, generationOf } from '../helpers/site-content.ts';
import { type ToolProject, toolProject } from '../helpers/tool-project.ts';

const test = suite('e2e/astro');

const ASTRO = { packages: ['astro'], script: 'astro/astro.js' };

function config(integrations: string): Record<string, string> {
  return {
    'astro.config.mjs': `
      import { defineConfig } from 'astro/config';
      import { drayer } from 'drayer/astro';
      import { writeFile } from 'node:fs/promises';
      const late = { name: 'late', hooks: { 'astro:build:done': ({ dir }) =>
        writeFile(new URL('late.txt', dir), 'late') } };
      const bad = { name: 'bad', hooks: { 'astro:build:done': () => { throw new Error('too late'); } } };
      export default defineConfig({ integrations: [${integrations}] });`,
  };
}

function project(t: Scope, integrations: string): ToolProject {
  return toolProject(t, ASTRO, {
    'package.json': '{ "type": "module" }',
    'src/pages/index.astro': '---\nconst who = "Astro";\n---\n<h1>Made by {who}</h1>\n',
    'src/pages/about.md': '# About\n',
    'public/robots.txt': 'User-agent: *\n',
    ...config(integrations),
  });
}

test(
  'drayer() :: the stream is what astro build has written, also what integrations after it add',
  scope(async (t) => {
    const { run, sh } = project(t, "drayer({ stream: '../keep.stream' }), late");

    const { status, output } = await run(['build']);

    assert.is(status, 0, output);
    const published = contentOfStream(t.path('keep.stream'));
    assert.equal(published, contentOfFolder(t.path('project', 'dist')));
    assert.equal(Object.keys(published), [
      'about/index.html',
      'index.html',
      'late.txt',
      'robots.txt',
    ]);
    assert.match(output, '[drayer] published dist: 4 added, generation 1');
    assert.match(output, `[drayer] made a key: ${t.path('keep.stream.privatekey')}`);
    assert.is((await sh.run('verify', t.path('keep.stream'))).status, 0);

    const before = generationOf(t.path('keep.stream'));
    const again = await run(['build']);

    assert.is(again.status, 0);
    assert.match(again.output, '[drayer] nothing to publish: dist is as it was');
    assert.equal(generationOf(t.path('keep.stream')), before);
  }),
);

test(
  'drayer() :: without the integration, and where anything fails, there is no stream; the hint is shown',
  scope(async (t) => {
    const { run, write } = project(t, '');
    assert.is((await run(['build'])).status, 0);
    assert.ok(existsSync(t.path('project', 'dist', 'index.html')));

    write(config('drayer(), bad'));
    const late = await run(['build']);
    assert.is(late.status, 1, late.output);
    assert.match(late.output, 'too late');

    write({
      ...config('drayer()'),
      'src/pages/bad.astro': '---\nthrow new Error("no page");\n---\n',
    });
    const failed = await run(['build']);
    assert.is(failed.status, 1, failed.output);
    assert.match(failed.output, 'no page');

    write({ ...config("drayer({ keyFile: 'no.privatekey' })"), 'src/pages/bad.astro': 'good' });
    const keyless = await run(['build']);
    assert.is(keyless.status, 1, keyless.output);
    assert.match(keyless.output, /no\.privatekey: no private key\n\s+hint: /);

    assert.not(existsSync(t.path('project', 'dist.stream')));
  }),
);

test(
  'drayer() :: the dev server publishes nothing',
  scope(async (t) => {
    const { start } = project(t, "drayer({ when: 'always' })");
    const server = start(['dev', '--port', '0']);
    await server.printed(/localhost:\d+/);
    const [url = ''] = /http:\/\/localhost:\d+\//.exec(server.output()) ?? [];
    assert.match(await (await fetch(url)).text(), 'Made by Astro');

    assert.not(existsSync(t.path('project', 'dist.stream')));
  }),
);

test('drayer() :: is an integration to Astro', () => {
  const integration: AstroIntegration = drayer({ stream: 'site.stream' });

  assert.is(integration.name, 'drayer');
});

test.run();
