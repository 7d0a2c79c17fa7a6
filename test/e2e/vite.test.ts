/** `drayer/vite` in a real Vite project. */
import { existsSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Plugin } from 'vite';
import { drayer } from '../../src/integrations/vite.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { contentOfFolder, contentOfStream, generationOf } from '../helpers/site-content.ts';
import { type ToolProject, toolProject } from '../helpers/tool-project.ts';

const test = suite('e2e/vite');

const VITE = { packages: ['vite'], script: 'vite/bin/vite.js' };

function config(plugins: string, more = "base: './',"): Record<string, string> {
  return {
    'vite.config.js': `
      import { drayer } from 'drayer/vite';
      import { writeFile } from 'node:fs/promises';
      export default { ${more} plugins: [${plugins}] };`,
  };
}

function project(t: Scope, plugins: string, more?: string): ToolProject {
  return toolProject(t, VITE, {
    'package.json': '{ "type": "module" }',
    'index.html':
      '<!doctype html><title>v</title><script type="module" src="/src/main.js"></script>',
    'src/main.js': "import './style.css';\ndocument.body.append('made by Vite');",
    'src/style.css': 'body { color: #123456 }',
    'public/robots.txt': 'User-agent: *\n',
    ...config(plugins, more),
  });
}

test(
  'drayer() :: the stream is what vite build has written, also what other plugins write at the very end',
  scope(async (t) => {
    const late = `{ name: 'late', async closeBundle() {
      await new Promise((resolve) => setTimeout(resolve, 500));
      await writeFile('dist/late.txt', 'late');
    } }`;
    const { run, sh } = project(t, `drayer({ stream: '../keep.stream' }), ${late}`);

    const { status, output } = await run(['build']);

    assert.is(status, 0, output);
    const published = contentOfStream(t.path('keep.stream'));
    assert.equal(published, contentOfFolder(t.path('project', 'dist')));
    assert.is(Object.keys(published).length, 5);
    assert.match(output, /drayer: published dist: 5 added, generation 1/);
    assert.match(output, `drayer: made a key: ${t.path('keep.stream.privatekey')}`);
    assert.is((await sh.run('verify', t.path('keep.stream'))).status, 0);

    const before = generationOf(t.path('keep.stream'));
    const again = await run(['build']);

    assert.is(again.status, 0);
    assert.match(again.output, 'drayer: nothing to publish: dist is as it was');
    assert.equal(generationOf(t.path('keep.stream')), before);
  }),
);

test(
  'drayer() :: without the plugin there is no stream; with `never` neither',
  scope(async (t) => {
    const { run, write } = project(t, '');
    assert.is((await run(['build'])).status, 0);
    write(config("drayer({ when: 'never' })"));
    assert.is((await run(['build'])).status, 0);

    assert.ok(existsSync(t.path('project', 'dist', 'index.html')));
    assert.not(existsSync(t.path('project', 'dist.stream')));
  }),
);

test(
  'drayer() :: a build that fails, at any stage, publishes nothing',
  scope(async (t) => {
    const { run, write } = project(t, 'drayer()');
    assert.is((await run(['build'])).status, 0);
    const before = generationOf(t.path('project', 'dist.stream'));

    for (const plugin of [
      `{ name: 'bad', transform() { throw new Error('no transform') } }`,
      `{ name: 'bad', writeBundle() { throw new Error('no writing') } }`,
      `{ name: 'bad', enforce: 'post', closeBundle() { throw new Error('no closing') } }`,
    ]) {
      write({ ...config(`drayer(), ${plugin}`), 'public/new.txt': plugin });
      const { status, output } = await run(['build']);
      assert.is.not(status, 0, output);
      assert.match(output, /no (transform|writing|closing)/);
    }

    assert.equal(generationOf(t.path('project', 'dist.stream')), before);
  }),
);

test(
  'drayer() :: what cannot be published fails the build, with the sentence and the hint',
  scope(async (t) => {
    const { run, write } = project(t, "drayer({ keyFile: 'no.privatekey' })");
    const keyless = await run(['build']);
    assert.is(keyless.status, 1, keyless.output);
    assert.match(keyless.output, /no\.privatekey: no private key\n\s+hint: /);

    write(config("drayer({ streem: 'x' })"));
    const misspelt = await run(['build']);
    assert.is(misspelt.status, 1);
    assert.match(
      misspelt.output,
      'options of drayer(): there is no streem; there are stream, config',
    );
    assert.not(existsSync(t.path('project', 'dist.stream')));
  }),
);

test(
  'drayer() :: vite build --watch publishes only with `always`, then every rebuild',
  scope(async (t) => {
    const { start, write } = project(t, 'drayer()');
    const quiet = start(['build', '--watch']);
    await quiet.printed(/built in/);
    const nudge = (round: number) => write({ 'src/style.css': `body { margin: ${round}px }` });
    await quiet.printed(/built in/, { times: 2, nudge });
    await quiet.stop();
    assert.not(existsSync(t.path('project', 'dist.stream')));

    write(config("drayer({ when: 'always' })"));
    const loud = start(['build', '--watch']);
    await loud.printed('drayer: published dist: 4 added');
    await loud.printed(/drayer: published dist: .* generation 2/, { nudge });

    const published = contentOfStream(t.path('project', 'dist.stream'));
    assert.is(Object.keys(published).filter((path) => path.endsWith('.css')).length, 1);
  }),
);

test(
  'drayer() :: the dev server publishes nothing',
  scope(async (t) => {
    const { start } = project(t, "drayer({ when: 'always' })");
    const server = start(['--port', '0']);
    await server.printed(/localhost:\d+/);
    const [url = ''] = /http:\/\/localhost:\d+\//.exec(server.output()) ?? [];
    assert.match(await (await fetch(url)).text(), '/src/main.js');

    assert.not(existsSync(t.path('project', 'dist.stream')));
  }),
);

test(
  'drayer() :: drayer.config.ts says where the output goes, and what to leave out',
  scope(async (t) => {
    const { run, write } = project(t, "drayer({ ignore: ['robots.txt'] })", "base: '/',");
    write({
      'drayer.config.ts': `import { defineConfig } from 'drayer';
        export default defineConfig({
          build: { command: 'npx vite build', output: 'dist' }, stream: 'own.stream', ignore: ['*.css'],
        });`,
    });

    const { status, output } = await run(['build']);

    assert.is(status, 0, output);
    assert.match(output, 'drayer: base is "/": a mirror may serve the site below a path');
    const expected = Object.entries(contentOfFolder(t.path('project', 'dist'))).filter(
      ([path]) => !/\.css$|robots/.test(path),
    );
    assert.equal(contentOfStream(t.path('project', 'own.stream')), Object.fromEntries(expected));
  }),
);

test(
  'drayer() :: below drayer publish it leaves the publishing to it; a key in the environment signs, and is gone',
  scope(async (t) => {
    const tell = `{ name: 'tell', enforce: 'post', closeBundle: { order: 'post', sequential: true,
      handler() { console.log('afterwards', process.env.DRAYER_KEY ?? 'gone') } } }`;
    const { run, sh } = project(t, `drayer({ unusedKey: true }), ${tell}`);
    const nested = await run(['build'], { DRAYER_BUILD: '/elsewhere' });
    assert.match(nested.output, 'drayer publish runs this build');
    assert.not(existsSync(t.path('project', 'dist.stream')));

    await sh.run('key', 'new', t.path('ci.privatekey'));
    const key = readFileSync(t.path('ci.privatekey'), 'utf8').trim();
    const { status, output } = await run(['build'], { DRAYER_KEY: key });

    assert.is(status, 0, output);
    assert.not(existsSync(t.path('project', 'dist.stream.privatekey')));
    const shown = await sh.run('key', 'show', t.path('ci.privatekey'), '--json');
    assert.match(output, `stream ${JSON.parse(shown.stdout).id}`);
    assert.match(output, 'afterwards gone');
    assert.not.ok(output.includes(key));
  }),
);

test('drayer() :: is a plugin to Vite', () => {
  const plugin: Plugin = drayer({ stream: 'site.stream' });

  assert.is(plugin.name, 'drayer');
});

test.run();
