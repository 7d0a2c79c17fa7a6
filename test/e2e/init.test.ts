/** `drayer init` as a process: with flags, with questions, and beside a site that is there. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shell } from '../helpers/drayer.ts';
import { readFolder } from '../helpers/fetch-site.ts';
import { hasTerminal, runOnTerminal } from '../helpers/on-terminal.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/init');
const templates = fileURLToPath(new URL('../../templates', import.meta.url));
const DOWN = '\u001b[B';

test(
  'init :: without a terminal nothing is asked: the page, in this folder',
  scope(async (t) => {
    const sh = shell(t, { directory: t.path('new') });

    const { status, stdout } = await sh.run('init');

    assert.is(status, 0);
    assert.match(stdout, `started a site in ${t.path('new')}: template page, `);
    assert.match(stdout, 'then: drayer publish\n');
    const expected = [...readFolder(`${templates}/page`).keys()]
      .filter((name) => name !== '_template.json')
      .map((name) => name.replace('_gitignore', '.gitignore'));
    assert.equal([...readFolder(t.path('new')).keys()].sort(), expected.sort());
  }),
);

test(
  'init --json :: prints one object that names template and files',
  scope(async (t) => {
    const { stdout } = await shell(t).run('init', 'new', '-t', 'blog', '-n', 'Mine', '--json');

    const { directory, template, files } = JSON.parse(stdout);
    assert.is(directory, t.path('new'));
    assert.is(template, 'blog');
    assert.ok(files.includes('site/feed.xml') && files.includes('.gitignore'));
    assert.match(readFileSync(t.path('new', 'site', 'feed.xml'), 'utf8'), '<title>Mine</title>');
  }),
);

test(
  'init :: a place where no folder can be made, a template there is not, flags that do not go together',
  scope(async (t) => {
    const sh = shell(t);
    if (existsSync('/proc/self')) {
      const refused = await sh.run('init', '/proc/x');
      assert.is(refused.status, 1);
      assert.match(refused.stderr, 'error: /proc/x: cannot make this folder');
      assert.match(refused.stderr, 'hint: choose a path elsewhere');
    }

    const unknown = await sh.run('init', 'new', '--template', 'shop');
    assert.is(unknown.status, 2);
    assert.match(unknown.stderr, 'hint: there are blog, docs, gallery, page');

    for (const args of [
      ['--from-existing', '--template', 'blog'],
      ['--from-existing', '--name', 'x'],
      ['--from-existing', '--force'],
      ['--output', 'dist'],
    ]) {
      assert.is((await sh.run('init', 'new', ...args)).status, 2, args.join(' '));
    }
    assert.not(existsSync(t.path('new')));
  }),
);

test(
  'init :: a folder with something in it is told of --from-existing, which then works',
  scope(async (t) => {
    mkdirSync(t.path('dist'));
    writeFileSync(t.path('dist', 'index.html'), '<h1>Hello</h1>');
    const sh = shell(t);

    const refused = await sh.run('init');
    assert.is(refused.status, 2);
    assert.match(refused.stderr, 'hint: to publish the site that is in it, add --from-existing');

    const adopted = await sh.run('init', '--from-existing');
    assert.is(adopted.status, 0, adopted.stderr);
    assert.match(
      adopted.stdout,
      'guessed that the folder dist is the site: it has an index.html\n',
    );
    assert.match(adopted.stdout, `made a key: ${t.path('dist.stream.privatekey')}\n`);
    const [, id] = /stream (\S+)\n/.exec(adopted.stdout) ?? [];

    const published = await sh.run('publish');
    assert.is(published.status, 0, published.stderr);
    assert.match(published.stdout, `stream ${id}\n`);
    assert.match((await sh.run('ls')).stdout, 'index.html');

    const again = await sh.run('init');
    assert.match(again.stderr, 'hint: it has a drayer.config already: drayer publish');
  }),
);

test(
  'init --from-existing :: a project with a generator is built by the publish that follows',
  scope(async (t) => {
    const script = "fs.mkdirSync('dist');fs.writeFileSync('dist/index.html','built')";
    writeFileSync(t.path('vite.config.js'), '');
    writeFileSync(t.path('make.cjs'), `const fs=require('fs');${script}`);
    writeFileSync(t.path('package.json'), '{"scripts":{"build":"node make.cjs"}}');
    const sh = shell(t);

    const { stdout } = await sh.run('init', '--from-existing');
    assert.match(stdout, 'guessed that the folder dist is the site: Vite writes to it\n');
    assert.match(stdout, 'next: drayer publish, which runs npm run build first\n');
    assert.not(existsSync(t.path('dist')));

    const published = await sh.run('publish');
    assert.is(published.status, 0, published.stderr);
    assert.is((await sh.run('cat', 'dist', 'index.html')).stdout, 'built');
  }),
);

const onTty = hasTerminal ? test : test.skip;

onTty(
  'init :: on a terminal it asks for folder, template and name',
  scope(async (t) => {
    shell(t); // builds
    const { status, output } = await runOnTerminal(
      t,
      ['init'],
      [
        { after: /Which folder/, keys: 'garden\r' },
        { after: /What shall it be\?[\s\S]*one page about a person/, keys: `${DOWN}\r` },
        { after: /What is it called\?/, keys: 'Two Beds\r' },
      ],
    );

    assert.is(status, 0, output);
    assert.match(output, `started a site in ${t.path('garden')}: template blog`);
    assert.match(output, 'cd garden && drayer publish');
    const page = readFileSync(t.path('garden', 'site', 'index.html'), 'utf8');
    assert.match(page, '<title>Two Beds</title>');
  }),
);

onTty(
  'init :: on a terminal what was typed is not asked for again, and Enter takes what is offered',
  scope(async (t) => {
    shell(t); // builds
    const { status, output } = await runOnTerminal(
      t,
      ['init', '--template', 'docs'],
      [
        { after: /Which folder/, keys: '\r' },
        { after: /What is it called\?/, keys: '\r' },
      ],
    );

    assert.is(status, 0, output);
    assert.not.match(output, 'What shall it be?');
    const page = readFileSync(t.path('my-site', 'site', 'index.html'), 'utf8');
    assert.match(page, '<title>Kettle</title>');
  }),
);

onTty(
  'init :: whoever breaks off has made nothing; a folder in use is said before the questions go on',
  scope(async (t) => {
    shell(t); // builds
    const left = await runOnTerminal(t, ['init'], [{ after: /Which folder/, keys: '\u0003' }]);
    assert.is(left.status, 4, left.output);
    assert.match(left.output, 'stopped; nothing was made');

    mkdirSync(t.path('used'));
    writeFileSync(t.path('used', 'x'), '');
    const used = await runOnTerminal(t, ['init', 'used']);
    assert.is(used.status, 2, used.output);
    assert.match(used.output, 'the folder is not empty');

    assert.equal(readdirSync(t.directory), ['used']);
  }),
);

onTty(
  'init :: in CI, with --json or with a complete command line a terminal is asked nothing',
  scope(async (t) => {
    shell(t); // builds
    mkdirSync(t.path('ci'));
    const place = { directory: t.path('ci'), environment: { CI: '1' } };
    const ci = await runOnTerminal(t, ['init'], [], place);
    assert.is(ci.status, 0, ci.output);
    assert.ok(existsSync(t.path('ci', 'site', 'index.html')));

    const json = await runOnTerminal(t, ['init', 'j', '--json']);
    assert.is(json.status, 0, json.output);

    const complete = await runOnTerminal(t, ['init', 'c', '-t', 'page']);
    assert.is(complete.status, 0, complete.output);
    assert.not.match(complete.output, '?');
  }),
);

test.run();
