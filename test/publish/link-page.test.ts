import fc from 'fast-check';
import { Parser } from 'htmlparser2';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readPage } from '../../src/publish/link-page.ts';

const test = suite('publish/link-page');
const urlsOf = (text: string) => readPage(text).links.map(({ url }) => url);

test('readPage :: every element that loads or leads somewhere', () => {
  const cases: readonly (readonly [html: string, ...urls: string[]])[] = [
    ['<a href="a.html">a</a>', 'a.html'],
    ['<A HREF=a.html>a</A>', 'a.html'],
    ["<a\n class='x'\n href = 'a b.html' >a</a>", 'a b.html'],
    ['<a href="?a=1&amp;b=2&copy=3">a</a>', '?a=1&b=2&copy=3'],
    ['<a href="first" href="second">a</a>', 'first'],
    ['<area href="a">', 'a'],
    ['<link rel="stylesheet" href="a.css">', 'a.css'],
    ['<link rel="preload" imagesrcset="a.png 1x, b.png 2x">', 'a.png', 'b.png'],
    ['<script src="a.js"></script>', 'a.js'],
    ['<img src="a.png" srcset="b.png 1x, c.png 2x"/>', 'a.png', 'b.png', 'c.png'],
    ['<picture><source srcset="a.avif 100w,b.avif 200w"></picture>', 'a.avif', 'b.avif'],
    [
      '<img srcset="a.png,b.png 2x , data:image/gif;base64,R0l= 3x">',
      'a.png,b.png',
      'data:image/gif;base64,R0l=',
    ],
    ['<img srcset="a.png, b.png">', 'a.png', 'b.png'],
    ['<video src="a.mp4" poster="a.jpg"><track src="a.vtt"></video>', 'a.mp4', 'a.jpg', 'a.vtt'],
    ['<audio src="a.mp3"></audio><embed src="b"><object data="c"></object>', 'a.mp3', 'b', 'c'],
    ['<iframe src="a.html"></iframe><input type="image" src="b.png">', 'a.html', 'b.png'],
    ['<svg><use xlink:href="a.svg#b"/><image href="c.png"/></svg>', 'a.svg#b', 'c.png'],
    ['<meta http-equiv="Refresh" content="0; url=\'next.html\'">', 'next.html'],
    ['<p style="background: url(a.png)">', 'a.png'],
    ['<style>@import "a.css"; p { background: url( "b.png" ) }</style>', 'a.css', 'b.png'],
    ['<style>a > b { background: url(a.png) } </style><a href="b">', 'a.png', 'b'],
  ];
  for (const [html, ...urls] of cases) assert.equal(urlsOf(html), urls, html);
});

test('readPage :: what is no link', () => {
  const cases = [
    '<link rel="preconnect" href="https://example.org">',
    '<link rel="dns-prefetch" href="//example.org">',
    '<a name="x">a</a>',
    '<meta http-equiv="refresh" content="5">',
    '<meta name="description" content="0; url=x">',
    '<!-- <a href="a"> > <a href="b"> -->',
    '<script>const a = "<a href=\'x\'>"; if (a < b && c > d) f("</p>");</script>',
    '<textarea><a href="x"></textarea><title><a href="y"></title>',
    '<p title="<a href=x>">',
    '&lt;a href="x"&gt;',
    'a < b href="x"',
  ];
  for (const html of cases) assert.equal(urlsOf(html), [], html);
});

test('readPage :: places, base, and where links stand', () => {
  const html =
    '<base href="/sub/"><base href="/no/">\n<h1 id="top-1">x</h1>\n<a name=old>\n<a href="x">';

  const { ids, base, links } = readPage(html);

  assert.equal([...ids], ['top-1', 'old']);
  assert.is(base, '/sub/');
  assert.equal(links, [{ url: 'x', at: html.lastIndexOf('<a') }]);
});

test('readPage :: text that is not shown to the tokenizer changes nothing', () => {
  const piece = fc.constantFrom(
    ...['<a href="', '<a href=', "<a href='", 'x', '"', "'", '>', '<', '/>', ' ', '</a>', '&amp;'],
    ...[
      '<!--',
      '-->',
      '<!',
      '<?',
      '<![CDATA[',
      ']]>',
      '<script>',
      '</script>',
      '<style>',
      '</style>',
    ],
    ...['</', 'text', '\n', '<p title="', '=', '<textarea>', '</textarea>', '&'],
    ...['<title>', '</title>', '<A HREF="y">', '<a href=z>', '--', '!', '<plaintext>', '<br/>'],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const html = pieces.join('');
      const expected: string[] = [];
      const parser = new Parser({
        onopentag: (name, { href }) => {
          if (name === 'a' && href !== undefined) expected.push(href);
        },
      });
      parser.end(html);

      assert.equal(urlsOf(html), expected, html);
    }),
    { numRuns: 3000 },
  );
});

test.run();
