import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config/load-config.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { adoptSite } from '../../src/daemon/adopt-site.ts';
import { publishSite } from '../../src/daemon/publish-site.ts';
import {
  generateKeyPair,
  publicKeyOf,
  readKeyFile,
  writeNewKey,
} from '../../src/store/key-file.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('daemon/adopt-site');

function makeSite(t: Scope, ...folder: string[]): string {
  mkdirSync(t.path(...folder), { recursive: true });
  writeFileSync(t.path(...folder, 'index.html'), '<h1>Hello</h1>');
  return t.path(...folder);
}

test(
  'adoptSite :: adds a config and a private key and touches nothing else',
  scope(async (t) => {
    makeSite(t, 'project', 'public');
    writeFileSync(t.path('project', 'notes.txt'), 'mine');

    const adopted = await adoptSite(t.path('project'));

    assert.equal(readdirSync(t.path('project')).sort(), [
      'drayer.config.ts',
      'notes.txt',
      'public',
      'public.stream.mark',
      'public.stream.privatekey',
    ]);
    assert.equal(readdirSync(t.path('project', 'public')), ['index.html']);
    assert.is(readFileSync(t.path('project', 'notes.txt'), 'utf8'), 'mine');
    assert.is(statSync(adopted.keyPath).mode & 0o777, 0o600);
    assert.is(adopted.id, formatStreamId(publicKeyOf(readKeyFile(adopted.keyPath))));
    assert.is(adopted.output.output, 'public');
    assert.ok(adopted.keyCreated);
  }),
);

test(
  'adoptSite :: the config it writes is valid, and what it names is published with the key it made',
  scope(async (t) => {
    const site = makeSite(t, 'project', 'public');
    const { id } = await adoptSite(t.path('project'));

    const config = await loadConfig(t.path('project'));
    assert.equal(
      config.streams.map(({ directory, name }) => [directory, name]),
      [[site, 'public']],
    );
    assert.is(config.site, 'public');
    const published = await publishSite({ directory: site });

    assert.is(published.id, id);
    assert.is(published.newKeyPath, undefined);
    assert.equal(published.report.added, ['index.html']);
  }),
);

test(
  'adoptSite :: names with quotes, backslashes and line ends come back as they are',
  scope(async (t) => {
    for (const [index, name] of [
      `it's`,
      'say "hi"',
      'back\\slash',
      'line\nend',
      ['$', '{x}'].join(''),
    ].entries()) {
      const project = `p${index}`;
      const site = makeSite(t, project, name);

      await adoptSite(t.path(project), name);

      const { streams } = await loadConfig(t.path(project));
      assert.is(streams[0]?.directory, site);
    }
  }),
);

test(
  'adoptSite :: a generator is written down as the build',
  scope(async (t) => {
    mkdirSync(t.path('project'));
    writeFileSync(t.path('project', 'eleventy.config.js'), '');

    const adopted = await adoptSite(t.path('project'));

    const { streams } = await loadConfig(t.path('project'));
    assert.is(streams[0]?.build?.command, 'npx @11ty/eleventy');
    assert.is(streams[0]?.directory, t.path('project', '_site'));
    assert.is(adopted.keyPath, t.path('project', '_site.stream.privatekey'));
  }),
);

test(
  'adoptSite :: a project that is the site itself keeps its key beside it, and its config to itself',
  scope(async (t) => {
    const site = makeSite(t, 'project');

    const { keyPath } = await adoptSite(site);
    const { ignore } = await loadConfig(site);
    const { report } = await publishSite({ directory: site }, { ignore });

    assert.is(keyPath, t.path('project.stream.privatekey'));
    assert.equal(report.added, ['index.html']);
  }),
);

test(
  'adoptSite :: a key that is there is kept, and stays out of git',
  scope(async (t) => {
    makeSite(t, 'dist');
    mkdirSync(t.path('.git'));
    const { publicKey, secretKey } = generateKeyPair();
    writeNewKey(t.path('dist.stream.privatekey'), secretKey);

    const adopted = await adoptSite(t.directory);

    assert.is(adopted.id, formatStreamId(publicKey));
    assert.not(adopted.keyCreated);
    assert.is(adopted.gitignoreUpdated, t.path('.gitignore'));
    assert.match(readFileSync(t.path('.gitignore'), 'utf8'), '/dist.stream.privatekey');
  }),
);

test(
  'adoptSite :: refuses a second config, a folder outside, and what is not there, and makes nothing',
  scope(async (t) => {
    mkdirSync(t.path('empty'));
    makeSite(t, 'elsewhere');
    makeSite(t, 'done', 'public');
    writeFileSync(t.path('done', 'drayer.config.js'), 'export default {}');
    writeFileSync(t.path('file'), '');

    const done = await rejectsCode(adoptSite(t.path('done')), 'USAGE');
    assert.match(done.message, 'drayer.config.js: there is a config already');
    await rejectsCode(adoptSite(t.path('empty')), 'INPUT_NEEDED');
    const outside = await rejectsCode(adoptSite(t.path('empty'), '../elsewhere'), 'USAGE');
    assert.match(outside.message, `expected a folder inside ${t.path('empty')}`);
    await rejectsCode(adoptSite(t.path('empty'), 'nowhere'), 'DIRECTORY_NOT_FOUND');
    await rejectsCode(adoptSite(t.path('gone')), 'DIRECTORY_NOT_FOUND');
    await rejectsCode(adoptSite(t.path('file')), 'DIRECTORY_NOT_FOUND');

    assert.equal(readdirSync(t.directory).sort(), ['done', 'elsewhere', 'empty', 'file']);
    assert.equal(readdirSync(t.path('empty')), []);
    assert.equal(readdirSync(t.path('done')).sort(), ['drayer.config.js', 'public']);
  }),
);

test.run();
