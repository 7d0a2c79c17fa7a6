import { readFileSync, realpathSync, rmSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DrayerError } from '../../src/core/errors.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { makeIgnoreRules } from '../../src/publish/ignore-rules.ts';
import { checkLinks, type LinkReport } from '../../src/publish/link-check.ts';
import { publishDirectory } from '../../src/publish/publisher.ts';
import { walkDirectory } from '../../src/publish/walk.ts';
import { writeSite } from '../helpers/disk-site.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { newStream } from '../helpers/store.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('publish/link-check');
const OWN = formatStreamId(KEY_A.publicKey, 'base64url');
const OTHER = formatStreamId(KEY_B.publicKey, 'base64url');
const HOST = `${formatStreamId(KEY_A.publicKey, 'base32')}.localhost:33125`;

const SITE = {
  'index.html': '<h1 id="hello">x</h1><h2 id="größe">y</h2><a name="old">',
  'about.html': '',
  'blog/index.html': '<p id="first">',
  'blog/a b&c.html': '',
  'blog/münchen.html': '',
  'files/a.pdf': '',
  'css/site.css': 'p { background: url(../img/a.png) }',
  'img/a.png': '',
  'README.html': '',
  '.drayerignore': 'drafts/',
  'drafts/secret.html': '',
};

/** Why each link of `page` is broken; undefined for those that are not. */
async function verdictsOn(
  t: Scope,
  page: string,
  links: readonly string[],
): Promise<(string | undefined)[]> {
  const html = links.map((link) => `<a href="${link.replaceAll('&', '&amp;')}">x</a>`).join('\n');
  const { broken } = await check(t, { ...SITE, [page]: html });
  return links.map((_, i) => broken.find((one) => one.page === page && one.line === i + 1)?.why);
}

async function check(t: Scope, files: Readonly<Record<string, string>>): Promise<LinkReport> {
  const root = realpathSync(writeSite(t.path('site'), files));
  const walk = await walkDirectory(root, { rules: makeIgnoreRules() });
  return checkLinks(walk, { publicKey: KEY_A.publicKey, maxFileBytes: 1_000_000 });
}

test(
  'checkLinks :: what leads somewhere is not reported',
  scope(async (t) => {
    const good = [
      ...[
        '',
        '#',
        '#top',
        '?x=1',
        './',
        '../',
        '/',
        '.',
        'page.html',
        '../index.html',
        'index.html',
      ],
      ...[
        '../about',
        '../about.html?x=1#',
        '/about/',
        '/blog',
        '/blog/',
        '/blog/index',
        '/blog#first',
      ],
      ...[
        'a%20b%26c.html',
        'a b&c.html',
        'm%C3%BCnchen.html',
        'münchen.html',
        'mu\u0308nchen.html',
      ],
      ...[
        '/files/a.pdf#page=2',
        '/img/a.png',
        '../#hello',
        '/#gr%C3%B6%C3%9Fe',
        '/#größe',
        '/#old',
      ],
      ...['/#/route', '/#!/route', '/#:~:text=hello', '/#hello:~:text=x', '../../../about.html'],
      ...[
        'https://example.org/nothing',
        '//example.org/x',
        'mailto:a@b',
        'tel:1',
        'javascript:x()',
      ],
      ...['data:,x', 'HTTPS://EXAMPLE.ORG', 'blob:x', `/${OTHER}/webAccess/nothing.html`],
      ...[
        `/${OWN}/webAccess/about.html`,
        `http://localhost:33125/${OWN}/webAccess/`,
        `http://${HOST}/blog`,
      ],
      ...[`https://example.org/drayer/${OWN}/webAccess/about.html`, `drayer://${OWN}/about.html`],
      ...[`drayer://${OTHER}/nothing.html`, `drayer://${OWN}/blog/a%20b&c.html`],
    ];

    const verdicts = await verdictsOn(t, 'blog/page.html', good);

    assert.equal(
      good.filter((_, i) => verdicts[i] !== undefined),
      [],
    );
  }),
);

test(
  'checkLinks :: what leads nowhere is reported, with why',
  scope(async (t) => {
    const bad: Readonly<Record<string, string>> = {
      'missing.html': 'no such file',
      '/missing/': 'no such file',
      '/page.html': 'no such file',
      '../about.html/x': 'no such file',
      '/About.html': 'no such file; there is about.html',
      '/readme.html': 'no such file; there is README.html',
      '/files/': 'a folder without an index.html',
      '/files': 'a folder without an index.html',
      '/drafts/secret.html': 'it is left out of the site: ignored',
      '/.drayerignore': 'it is left out of the site: ignored by default',
      '#nowhere': 'this page has no such place',
      '/#nowhere': 'index.html has no such place',
      '/blog/#Hello': 'blog/index.html has no such place',
      '/%zz': 'its percent-encoding is broken',
      'http://': 'not a valid address',
      [`/${OWN}/webAccess/missing`]: 'no such file',
      [`http://${HOST}/missing`]: 'no such file',
      [`drayer://${OWN}/missing`]: 'no such file',
      'drayer://nobody/x': 'no stream has this id',
    };

    const verdicts = await verdictsOn(t, 'blog/page.html', Object.keys(bad));

    assert.equal(verdicts, Object.values(bad));
  }),
);

test(
  'checkLinks :: style sheets, images and base are followed from where they are',
  scope(async (t) => {
    const { broken, pages, links } = await check(t, {
      ...SITE,
      'css/broken.css': '\n@import "missing.css";\np { mask: url(#m) }',
      'blog/images.html':
        '<img srcset="../img/a.png 1x,\n../img/b.png 2x"><style>\np{background:url(x.png)}</style>',
      'blog/based.html': '<base href="/img/"><img src="a.png"><img src="b.png">',
      'blog/away.html': '<base href="https://example.org/"><img src="b.png"><a href="#x">',
    });

    assert.equal(broken, [
      { page: 'blog/based.html', line: 1, link: 'b.png', why: 'no such file' },
      { page: 'blog/images.html', line: 1, link: '../img/b.png', why: 'no such file' },
      { page: 'blog/images.html', line: 3, link: 'x.png', why: 'no such file' },
      { page: 'css/broken.css', line: 2, link: 'missing.css', why: 'no such file' },
    ]);
    assert.is(pages, 11);
    assert.is(links, 9);
  }),
);

test(
  'publishDirectory :: broken links are reported, and as an error publish nothing',
  scope(async (t) => {
    const stream = newStream(t);
    const root = writeSite(t.path('site'), {
      'index.html': '<a href="x">',
      'b.html': '<img src="y">',
    });

    const error = await rejectsCode(
      publishDirectory(root, stream, { checkLinks: 'error' }),
      'LINKS_BROKEN',
    );
    assert.match(error.message, 'nothing was published: 2 broken links in 2 files:');
    assert.match(error.message, '\nb.html:1: y → no such file\nindex.html:1: x → no such file');
    assert.is((detailsOf(error)['links'] as LinkReport).broken.length, 2);
    assert.is(stream.reader.generation().count, 0);

    const report = await publishDirectory(root, stream, { checkLinks: 'warn' });
    assert.is(report.links?.broken.length, 2);
    assert.is(report.wrote, true);

    // A page that has not changed can be broken by one that went.
    const again = await publishDirectory(root, stream, { checkLinks: 'warn' });
    assert.is(again.wrote, false);
    assert.is(again.links?.broken.length, 2);
    assert.is((await publishDirectory(root, stream)).links, undefined);
  }),
);

test(
  'publishDirectory :: a page that goes breaks the links to it',
  scope(async (t) => {
    const stream = newStream(t);
    const root = writeSite(t.path('site'), { 'index.html': '<a href="b">', 'b.html': '' });
    await publishDirectory(root, stream, { checkLinks: 'error' });
    rmSync(t.path('site', 'b.html'));

    await rejectsCode(publishDirectory(root, stream, { checkLinks: 'error' }), 'LINKS_BROKEN');

    assert.is(readFileSync(t.path('site', 'index.html'), 'utf8'), '<a href="b">');
    assert.is(stream.reader.listByType('file', { order: 'id', limit: 9 }).length, 2);
  }),
);

function detailsOf(error: Error): Readonly<Record<string, unknown>> {
  return (error instanceof DrayerError && error.details) || {};
}

test(
  'checkLinks :: what the site’s _redirects leads to is there, and rules that do not count are named',
  scope(async (t) => {
    const redirects = [
      '/old /about',
      '/older /old',
      '/far https://example.org/',
      '/lost /nowhere',
      '/loop /pool',
      '/pool /loop',
      '/app/* /index.html 200',
      '/img/old/* /img/:splat',
      '/no /about 301 Country=de',
    ];
    const good = ['/old', '/older', '/far', '/app/users/1', '/img/old/a.png', '/old/'];
    const bad = ['/lost', '/loop', '/app/main.js', '/img/old/b.png', '/no'];
    const links = [...good, ...bad].map((link) => `<a href="${link}">x</a>`).join('\n');

    const { broken } = await check(t, {
      ...SITE,
      'page.html': links,
      _redirects: redirects.join('\n'),
    });

    assert.equal(
      broken.map(({ page, link }) => `${page} ${link}`),
      ['_redirects /no /about 301 Country=de', ...bad.map((link) => `page.html ${link}`)],
    );
    assert.is(broken[0]?.line, 9);
    assert.is(broken[0]?.why, 'this rule does not count: conditions are not supported');
  }),
);

test.run();
