import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type IgnoreOptions, makeIgnoreRules } from '../../src/publish/ignore-rules.ts';
import { isLitter } from '../../src/publish/litter.ts';
import { publishDirectory } from '../../src/publish/publisher.ts';
import { type Walk, walkDirectory } from '../../src/publish/walk.ts';
import { writeSite } from '../helpers/disk-site.ts';
import { scope } from '../helpers/scope.ts';
import { newStream } from '../helpers/store.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('publish/ignore-rules');

const LITTER = [
  ...['.DS_Store', '._page.html', '.Trashes', 'Icon\r', '__MACOSX', 'Thumbs.db', 'THUMBS.DB'],
  ...['desktop.ini', '$RECYCLE.BIN', '.directory', '.Trash-1000', '.nfs000001', 'lost+found'],
  ...['page.html~', '#page.html#', '.#page.html', 'page.html.bak', 'page.html.orig', 'x.rej'],
  ...['x.tmp', '.page.html.swp', 'page.swo', '.x.kate-swp', '.~lock.a.odt#', '~$a.docx', '4913'],
  ...['page.html___jb_tmp___', '.goutputstream-ABC', '.idea', '.vscode', '.gitignore', '.gitkeep'],
  ...['.gitattributes', '.github', 'CVS', 'drayer.config.ts', 'drayer.config.mjs'],
];
const WANTED = [
  ...['.well-known', '.nojekyll', '.htaccess', '.domains', '_redirects', '_next', '__data.json'],
  ...['index.html', '4913.html', 'swp', 'a.sw', 'tmp', 'bak.html', 'thumbs.html', 'git', '~user'],
  ...['#1.html', 'c#', 'desktop.html', 'sw.js', 'a.swf', 'database.db', 'robots.txt', '.gitlike'],
];

test("isLitter :: what systems and editors leave behind, and nothing that a site's owner made", () => {
  for (const name of LITTER) assert.is(isLitter(name, false), true, name);
  for (const name of WANTED) assert.is(isLitter(name, false), false, name);
});

test('isLitter :: 4913 is what Vim tries out as a file, and may be the folder of an article', () => {
  assert.is(isLitter('4913', true), false);
});

test(
  'walkDirectory :: litter is left out without a word from anybody',
  scope(async (t) => {
    const names = [...LITTER, ...WANTED].filter((name) => !name.includes('\r'));
    writeSite(t.path('site'), Object.fromEntries(names.map((name) => [name, 'x'])));

    const walk = await walkOf(t.path('site'));

    assert.equal(keysOf(walk), WANTED.toSorted());
    assert.ok(walk.skipped.every(({ reason }) => reason === 'ignored by default'));
  }),
);

test(
  'walkDirectory :: a pattern brings back what is left out by default, and nothing that never goes',
  scope(async (t) => {
    const files = {
      '.gitattributes': 'x',
      '.DS_Store': 'x',
      '.env': 'x',
      id_rsa: 'x',
      '.npmrc': 'x',
    };
    writeSite(t.path('site'), { ...files, 'site.stream.privatekey': 'x', 'a/.git/config': 'x' });

    const patterns = [
      '!.gitattributes',
      '!.env',
      '!id_rsa',
      '!.npmrc',
      '!*.privatekey',
      '!.git',
      '!**',
    ];
    const walk = await walkOf(t.path('site'), { patterns: patterns.slice(0, -1) });
    const all = await walkOf(t.path('site'), { patterns });

    assert.equal(keysOf(walk), ['.gitattributes']);
    assert.equal(keysOf(all), ['.DS_Store', '.gitattributes']);
  }),
);

test(
  'walkDirectory :: .drayerignore is obeyed, a deeper one after those above, and never published',
  scope(async (t) => {
    writeSite(t.path('site'), {
      '.drayerignore': '\ufeff# what stays here\r\n/drafts/\n*.log\n!keep.log\n',
      'drafts/a.html': 'x',
      'blog/drafts/b.html': 'x',
      'a.log': 'x',
      'keep.log': 'x',
      'logs/.drayerignore': '!*.log\n/keep.log\n',
      'logs/b.log': 'x',
      'logs/keep.log': 'x',
      'logs/deep/keep.log': 'x',
      'logs/deep/.drayerignore': '',
      'index.html': 'x',
    });

    const walk = await walkOf(t.path('site'));

    assert.equal(keysOf(walk), [
      'blog/drafts/b.html',
      'index.html',
      'keep.log',
      'logs/b.log',
      'logs/deep/keep.log',
    ]);
  }),
);

test(
  'walkDirectory :: .drayerignore decides after the patterns of the config',
  scope(async (t) => {
    writeSite(t.path('site'), {
      '.drayerignore': '!b.txt\nc.txt',
      'a.txt': 'x',
      'b.txt': 'x',
      'c.txt': 'x',
    });

    const walk = await walkOf(t.path('site'), { patterns: ['*.txt', '!c.txt'] });

    assert.equal(keysOf(walk), ['b.txt']);
  }),
);

test(
  'walkDirectory :: .drayerignore leaves out what git leaves out by the same patterns',
  scope(async (t) => {
    const patterns = [
      '# comment',
      '\\#literal',
      '/top',
      'anywhere',
      'folder/',
      '*.log',
      '!important.log',
      'deep/**/end',
      '**/both',
      'a?c',
      '[xyz].txt',
      'trailing\\ ',
      'dir/*',
      '!dir/keep',
    ];
    const files = [
      ...['#literal', 'top', 'sub/top', 'anywhere', 'sub/anywhere', 'folder/f', 'sub/folder/f'],
      ...['a.log', 'important.log', 'sub/important.log', 'deep/end', 'deep/1/2/end', 'both'],
      ...['1/2/both', 'abc', 'ac', 'x.txt', 'w.txt', 'trailing ', 'dir/a', 'dir/keep', 'comment'],
    ];
    const root = writeSite(t.path('site'), Object.fromEntries(files.map((name) => [name, 'x'])));
    writeSite(root, { '.drayerignore': patterns.join('\n'), '.gitignore': patterns.join('\n') });
    const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' });
    git('init', '-q');
    const listed = git('ls-files', '-z', '--others', '--exclude-standard').split('\0');

    const walk = await walkOf(root);

    const ours = ['', '.drayerignore', '.gitignore'];
    assert.equal(keysOf(walk), listed.filter((name) => !ours.includes(name)).sort());
    assert.ok(walk.files.length < files.length && walk.files.length > 5);
  }),
);

test(
  'walkDirectory :: a .drayerignore that cannot be read stops everything, rather than publish drafts',
  scope(async (t) => {
    const stream = newStream(t);
    const root = writeSite(t.path('site'), { 'index.html': 'x', 'drafts/a.html': 'x' });
    const bad: (() => void)[] = [
      () => mkdirSync(t.path('site', '.drayerignore')),
      () => symlinkSync('../patterns', t.path('site', '.drayerignore')),
      () => execFileSync('mkfifo', [t.path('site', '.drayerignore')]),
    ];
    for (const make of bad) {
      make();

      const error = await rejectsCode(publishDirectory(root, stream), 'FILE_UNREADABLE');

      assert.match(error.message, '.drayerignore: expected a regular file of patterns');
      rmSync(t.path('site', '.drayerignore'), { recursive: true });
    }
    assert.is((await publishDirectory(root, stream)).added.length, 2);
  }),
);

test(
  'makeIgnoreRules :: a file of patterns that was read again replaces what it said',
  scope((t) => {
    const rules = makeIgnoreRules();
    const root = writeSite(t.path('site'), { '.drayerignore': 'a', 'sub/.drayerignore': 'b' });
    rules.enter('sub', t.path('site', 'sub'), ['.drayerignore']);
    rules.enter('', root, ['.drayerignore']);
    assert.is(rules.reasonFor('sub/b', '', false), 'ignored');
    assert.is(rules.reasonFor('sub/a', '', false), 'ignored');

    writeSite(root, { '.drayerignore': 'c' });
    rules.enter('', root, ['.drayerignore']);
    rules.enter('sub', t.path('site', 'sub'), []);

    assert.is(rules.reasonFor('a', '', false), undefined);
    assert.is(rules.reasonFor('c', '', false), 'ignored');
    assert.is(rules.reasonFor('sub/b', '', false), undefined);
  }),
);

function walkOf(root: string, options: IgnoreOptions = {}): Promise<Walk> {
  return walkDirectory(realpathSync(root), { rules: makeIgnoreRules(options) });
}

function keysOf(walk: Walk): string[] {
  return walk.files.map(({ key }) => key).sort();
}

test('enter :: nobody has to ask only where nothing is left out', () => {
  const rules = makeIgnoreRules();
  const left = [
    '.git',
    'id_rsa',
    'node_modules',
    'a.privatekey',
    'b.stream',
    '.env',
    'x~',
    '#x#',
    'a.tmp',
    'CVS',
  ];
  const more = [
    'Thumbs.db',
    'desktop.ini',
    'Icon\r',
    '~$a.docx',
    'lost+found',
    'drayer.config.ts',
    '4913',
    'a.swp',
  ];
  const kept = ['index.html', 'in', 'n', 'a.streamer.html', 'tmp', 'page-1.html', 'README'];
  const enter = (...names: string[]) => rules.enter('', '/site', names).isAsked;

  assert.not(enter(...kept.filter((name) => !name.includes('.stream'))), 'a plain directory');
  for (const name of [...left, ...more]) {
    const isLeftOut = rules.reasonFor(name, `/site/${name}`, false) !== undefined;
    assert.ok(isLeftOut, `${name} is left out`);
    assert.ok(enter('index.html', name, 'z.html'), `${JSON.stringify(name)} is asked about`);
    assert.ok(enter('index.html', `z\n${name}`), `${JSON.stringify(name)} after a line break`);
  }
});

test.run();
