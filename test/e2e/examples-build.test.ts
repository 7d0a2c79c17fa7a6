/** The examples that build: copied out, run as their reader would, looked at as they are served. */
import { cpSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SITE_URL, shell } from '../helpers/drayer.ts';
import { scope } from '../helpers/scope.ts';
import { contentOfFolder, contentOfStream } from '../helpers/site-content.ts';
import { toolProject } from '../helpers/tool-project.ts';

const test = suite('e2e/examples-build');

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));

test(
  'examples/build-step :: drayer publish makes the site and signs it, drayer serve shows it',
  scope(async (t) => {
    cpSync(`${examples}build-step`, t.path('project'), { recursive: true });
    const sh = shell(t, { directory: t.path('project') });

    const published = await sh.run('publish');

    assert.is(published.status, 0, published.stderr);
    assert.match(published.stderr, 'made 3 pages');
    assert.match(published.stdout, 'published public: 3 added');
    const content = contentOfStream(t.path('project', 'notes.stream'));
    assert.equal(content, contentOfFolder(t.path('project', 'public')));

    const server = sh.start('serve', '--port', '0');
    const [, , port] = await server.waitFor(SITE_URL);
    const index = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    assert.match(index, '<a href="./quinces.html">Quinces</a>');
    const page = await (await fetch(`http://127.0.0.1:${port}/quinces.html`)).text();
    assert.match(page, 'wrapped in paper &amp; out of the light');

    const again = await sh.run('publish');
    assert.match(again.stdout, 'nothing to publish: public is as it was');
  }),
);

test(
  'examples/with-vite :: vite build publishes',
  scope(async (t) => {
    const vite = { packages: ['vite'], script: 'vite/bin/vite.js' };
    const { run } = toolProject(t, vite, {});
    cpSync(`${examples}with-vite`, t.path('project'), { recursive: true });

    const { status, output } = await run(['build']);

    assert.is(status, 0, output);
    assert.not.match(output, 'base is');
    assert.match(output, 'drayer: published dist: 2 added');
    const content = contentOfStream(t.path('project', 'clock.stream'));
    assert.equal(content, contentOfFolder(t.path('project', 'dist')));
    assert.not(existsSync(t.path('project', 'dist.stream')));
  }),
);

test.run();
