import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createProject } from '../../src/config/create-project.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { findTemplate, listTemplates } from '../../src/config/templates.ts';
import { isDrayerError } from '../../src/core/errors.ts';
import { scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('config/create-project');
const templates = fileURLToPath(new URL('../../templates', import.meta.url));

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

for (const template of await listTemplates()) {
  test(
    `createProject :: ${template} is copied byte for byte, with its .gitignore`,
    scope(async (t) => {
      const source = join(templates, template);
      const names = (await filesBelow(source)).filter((name) => name !== '_template.json');

      const created = await createProject(t.path('site'), { template });

      const expected = names.map((name) => name.replace('_gitignore', '.gitignore')).sort();
      assert.equal(created, { directory: t.path('site'), template, files: expected });
      assert.equal(await filesBelow(t.path('site')), expected);
      for (const name of names) {
        const copy = join(t.path('site'), name.replace('_gitignore', '.gitignore'));
        assert.equal(await readFile(copy), await readFile(join(source, name)));
      }
    }),
  );

  test(
    `createProject :: the config of ${template} is valid and names a folder that is there`,
    scope(async (t) => {
      await createProject(t.directory, { template });

      const { streams } = await loadConfig(t.directory);

      assert.ok(streams.length >= 1);
      for (const { directory } of streams) {
        assert.ok((await stat(join(directory ?? '', 'index.html'))).isFile());
      }
    }),
  );

  test(`${template} :: every page tells its language, and nothing is loaded from elsewhere`, async () => {
    const names = await filesBelow(join(templates, template, 'site'));
    for (const name of names.filter((one) => /\.(html|css|js|xml|svg)$/.test(one))) {
      const content = await readFile(join(templates, template, 'site', name), 'utf8');
      const elsewhere = content.replaceAll('http://www.w3.org/', '').match(/https?:\/\//g);
      assert.is(elsewhere, null, name);
      if (!name.endsWith('.html')) continue;
      // Relative, and with the file's full name: so it also works under a path and from a disk.
      assert.not.match(content, /(href|src)="\/|(href|src)="[^"#]*\/"/, name);
      assert.match(content, /<html lang="/, name);
      assert.match(content, /<meta name="viewport"/, name);
      assert.match(content, /<main/, name);
    }
    for (const needed of ['index.html', '404.html', 'favicon.svg', 'style.css']) {
      assert.ok(names.includes(needed), needed);
    }
  });

  test(
    `createProject :: the sample of ${template} takes the name it is given, escaped where it must be`,
    scope(async (t) => {
      const { title } = await findTemplate(template);
      const name = `Tom & "Ann" <3 $&`;

      await createProject(t.directory, { template, name });

      const page = await readFile(t.path('site', 'index.html'), 'utf8');
      assert.match(page, /<title>Tom &#38; &#34;Ann&#34; &#60;3 \$&#38;/);
      for (const file of await filesBelow(t.directory)) {
        if (/\.(html|xml|md)$/.test(file)) {
          assert.not.match(await readFile(t.path(file), 'utf8'), title, file);
        }
      }
    }),
  );
}

test(
  'createProject :: a folder that is not empty stays as it is',
  scope(async (t) => {
    await writeFile(t.path('mine.txt'), 'mine');

    const error = await rejectsCode(createProject(t.directory), 'USAGE');

    assert.is(error.message, `${t.directory}: the folder is not empty`);
    assert.equal(await readdir(t.directory), ['mine.txt']);
  }),
);

test(
  'createProject :: a sample that sizes its name by its length is told the length',
  scope(async (t) => {
    for (const [name, length] of [
      ['Plot 41', 7],
      ['Ada', 3],
      ['Two Beds and a Shed', 10],
      ['Dampfschifffahrt', 16],
    ] as const) {
      await createProject(t.directory, { template: 'blog', name, force: true });

      const page = await readFile(t.path('site', 'index.html'), 'utf8');
      assert.match(page, `<h1 style="--length: ${length}">${name}</h1>`);
    }
  }),
);

test(
  'createProject :: a name of several lines, or of none, is refused before anything is made',
  scope(async (t) => {
    for (const name of ['', '  ', 'a\nb', 'x'.repeat(201)]) {
      await rejectsCode(createProject(t.path('new'), { name }), 'USAGE');
    }
    assert.equal(await readdir(t.directory), []);
  }),
);

test(
  'createProject :: --force replaces only files of the same name',
  scope(async (t) => {
    await mkdir(t.path('site'));
    await writeFile(t.path('site', 'index.html'), 'old');
    await writeFile(t.path('site', 'mine.txt'), 'mine');

    await createProject(t.directory, { force: true });

    assert.match(await readFile(t.path('site', 'index.html'), 'utf8'), /<!doctype html>/);
    assert.is(await readFile(t.path('site', 'mine.txt'), 'utf8'), 'mine');
  }),
);

test(
  'createProject :: a fresh git repository counts as empty',
  scope(async (t) => {
    await mkdir(t.path('.git'));

    assert.ok((await createProject(t.directory)).files.includes('.gitignore'));
  }),
);

test(
  'createProject :: an unknown template, or a file in the place of the folder, is said so',
  scope(async (t) => {
    const unknown = await rejectsCode(createProject(t.path('a'), { template: '../x' }), 'USAGE');
    assert.is(unknown.message, 'no template "../x"');
    assert.is(isDrayerError(unknown) && unknown.hint, 'there are blog, docs, gallery, page');

    await writeFile(t.path('file'), '');
    const taken = await rejectsCode(createProject(t.path('file')), 'USAGE');
    assert.is(taken.message, `${t.path('file')}: is a file, not a folder`);
  }),
);

test.run();
