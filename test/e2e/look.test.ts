/** Looking before publishing: what would change, whether links are broken, and what the status says. */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeSite } from '../helpers/disk-site.ts';
import { type Shell, shell } from '../helpers/drayer.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/look');

async function publishedSite(t: Scope): Promise<Shell> {
  const sh = shell(t);
  writeSite(t.path('site'), { 'index.html': '<h1>Hello</h1>', 'a.txt': 'a', 'gone.txt': 'gone' });
  assert.is((await sh.run('publish', 'site')).status, 0);
  writeSite(t.path('site'), { 'index.html': '<h1>Hello again</h1>', 'new.txt': 'new' });
  rmSync(t.path('site', 'gone.txt'));
  return sh;
}

test(
  'publish --dry-run, --diff :: list the same changes and write nothing',
  scope(async (t) => {
    const sh = await publishedSite(t);
    const before = readFileSync(t.path('site.stream'));

    const dry = await sh.run('publish', 'site', '--dry-run');
    const diff = await sh.run('publish', 'site', '--diff');
    const json = await sh.run('publish', 'site', '--diff', '--json');

    const end =
      'nothing was written; publishing site would mean: 1 added, 1 changed, 1 removed, 1 unchanged';
    assert.equal(dry.stdout.split('\n'), [
      '  + new.txt',
      '  ~ index.html',
      '  - gone.txt',
      end,
      '',
    ]);
    assert.equal(diff.stdout.split('\n'), [
      '  -   4 bytes               gone.txt',
      '  ~  14 bytes  →  20 bytes  index.html',
      '  +                3 bytes  new.txt',
      end,
      '',
    ]);
    const { dryRun, wrote, changes } = JSON.parse(json.stdout);
    assert.equal([dryRun, wrote], [true, false]);
    assert.equal(changes, [
      { path: 'gone.txt', change: 'removed', before: 4 },
      { path: 'index.html', change: 'changed', before: 14, after: 20 },
      { path: 'new.txt', change: 'added', after: 3 },
    ]);
    assert.ok(readFileSync(t.path('site.stream')).equals(before));
  }),
);

test(
  'publish --dry-run, --diff :: before the first publish too, and no stream is made',
  scope(async (t) => {
    const sh = shell(t);
    writeSite(t.path('site'), { 'index.html': 'x' });

    for (const flag of ['--dry-run', '--diff']) {
      const { status, stdout } = await sh.run('publish', 'site', flag);

      assert.is(status, 0);
      assert.match(stdout, /\+ .*index\.html\n/);
      assert.not(existsSync(t.path('site.stream')));
    }
  }),
);

test(
  'publish --exit-code :: 9 when something changes, 0 when nothing does',
  scope(async (t) => {
    const sh = await publishedSite(t);

    assert.is((await sh.run('publish', 'site', '--dry-run', '--exit-code')).status, 9);
    assert.is((await sh.run('publish', 'site', '--dry-run')).status, 0);
    assert.is((await sh.run('publish', 'site', '--exit-code')).status, 9);
    assert.is((await sh.run('publish', 'site', '--exit-code')).status, 0);
    assert.is((await sh.run('publish', 'site', '--diff', '--exit-code', '--json')).status, 0);
    assert.is((await sh.run('publish', 'site', '--exit-code', '--serve')).status, 2);
    assert.is((await sh.run('publish', 'site', '--diff', '--watch')).status, 2);
  }),
);

test(
  'publish --check-links :: says which are broken and publishes, as an error it does not',
  scope(async (t) => {
    const sh = shell(t);
    writeSite(t.path('site'), { 'index.html': '\n<a href="nowhere.html">', 'b.css': 'p{}' });

    const error = await sh.run('publish', 'site', '--check-links=error');
    assert.is(error.status, 9);
    assert.match(error.stderr, 'nothing was published: a broken link in a file:');
    assert.match(error.stderr, 'index.html:2: nowhere.html → no such file');
    assert.is(error.stdout, '');

    const json = await sh.run('publish', 'site', '--check-links=error', '--json');
    assert.is(json.status, 9);
    assert.equal(JSON.parse(json.stdout).error.links, {
      pages: 2,
      links: 1,
      broken: [{ page: 'index.html', line: 2, link: 'nowhere.html', why: 'no such file' }],
    });

    // The folder after the flag is the folder, not a mode.
    const warned = await sh.run('publish', '--check-links', 'site');
    assert.is(warned.status, 0);
    assert.match(warned.stderr, 'warning: a broken link in a file:');
    assert.match(warned.stdout, 'published site: 2 added');

    writeFileSync(t.path('site', 'nowhere.html'), '');
    const whole = await sh.run('publish', 'site', '--check-links');
    assert.match(whole.stderr, 'checked 1 link in 3 files: none is broken');
    const wrong = await sh.run('publish', 'site', '--check-links=eror');
    assert.is(wrong.status, 2, wrong.stderr);
    assert.match(wrong.stderr, 'expected warn, error or off, got "eror"');
  }),
);

test(
  'publish :: the config is run once, whatever comes of the first look',
  scope(async (t) => {
    const sh = shell(t);
    writeSite(t.path('site'), { 'index.html': '<h1>Hello</h1>' });
    const runs = () => readFileSync(t.path('runs'), 'utf8').length;
    writeFileSync(
      t.path('drayer.config.mjs'),
      `import { appendFileSync } from 'node:fs';
       appendFileSync(${JSON.stringify(t.path('runs'))}, 'x');
       export default { directory: 'site' };`,
    );

    assert.match((await sh.run('publish')).stdout, 'published site: 1 added');
    assert.is(runs(), 1);
    assert.match((await sh.run('publish')).stdout, 'nothing to publish');
    assert.is(runs(), 2);
    writeFileSync(t.path('site', 'a.txt'), 'a');
    assert.match((await sh.run('publish')).stdout, 'published site: 1 added, 1 unchanged');
    assert.is(runs(), 3);
  }),
);

test(
  'publish :: links are looked at where CI is set or the config says so, and not elsewhere',
  scope(async (t) => {
    const sh = shell(t);
    writeSite(t.path('site'), { 'index.html': '<a href="nowhere.html">' });
    const warning = 'warning: a broken link in a file:';

    assert.not.match((await sh.run('publish', 'site')).stderr, warning);
    assert.match((await sh.with({ CI: 'true' }).run('publish', 'site')).stderr, warning);
    const off = await sh.with({ CI: 'true' }).run('publish', 'site', '--check-links=off');
    assert.not.match(off.stderr, warning);

    writeFileSync(
      t.path('drayer.config.mjs'),
      'export default { directory: "site", checkLinks: "error" }',
    );
    assert.is((await sh.run('publish')).status, 9);
    assert.is((await sh.run('publish', '--check-links=warn')).status, 0);
  }),
);

test(
  'publish :: what was left out is said, what is ignored in one line',
  scope(async (t) => {
    const sh = shell(t);
    const litter = ['1~', '2~', '3~', '4~', '.DS_Store', '.drayerignore'];
    writeSite(t.path('site'), Object.fromEntries(litter.map((name) => [name, ''])));
    writeSite(t.path('site'), { 'index.html': 'x', '.env': 'x' });
    symlinkSync('/etc', t.path('site', 'link'));
    mkdirSync(t.path('site', 'node_modules'));

    const { status, stderr } = await sh.run('publish', 'site');

    assert.is(status, 0, stderr);
    const lines = stderr.split('\n').filter((line) => line.includes('left out'));
    assert.equal(lines.slice(0, -1).sort(), [
      'drayer: left out .env: never published',
      'drayer: left out link: symbolic link',
      'drayer: left out node_modules: never published',
    ]);
    assert.match(lines.at(-1) ?? '', /^drayer: left out what is ignored: \S+, \S+, \S+, … \(6\)$/);
  }),
);

test.run();
