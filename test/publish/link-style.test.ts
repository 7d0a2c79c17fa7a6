import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readStyleLinks } from '../../src/publish/link-style.ts';

const test = suite('publish/link-style');

test('readStyleLinks :: url(), @import, image-set(), each with the place it stands at', () => {
  const cases: readonly (readonly [css: string, ...urls: string[]])[] = [
    ['p { background: url(a.png) no-repeat }', 'a.png'],
    ["p { background: URL( 'a b.png' ) }", 'a b.png'],
    ['@import "a.css" layer("b");', 'a.css'],
    ["@import/* c */'a.css' screen;", 'a.css'],
    ['@import url(a.css) supports(display: grid);', 'a.css'],
    [
      '@font-face { src: url(a.eot?#iefix) format("eot"), url(a.woff2) }',
      'a.eot?#iefix',
      'a.woff2',
    ],
    [
      'p { background: image-set("a.png" 1x, url("b.png") 2x type("image/png")) }',
      'a.png',
      'b.png',
    ],
    ['p { background: url(a\\)b.png) }', 'a)b.png'],
    ['p { background: url(data:image/png;base64,AAAA) }', 'data:image/png;base64,AAAA'],
    ['p { background: url(a.png', 'a.png'],
  ];
  for (const [css, ...urls] of cases) {
    assert.equal(
      readStyleLinks(css).map(({ url }) => url),
      urls,
      css,
    );
  }
  assert.is(
    readStyleLinks('p {}\nb { background: url(a) }')[0]?.at,
    'p {}\nb { background: '.length,
  );
});

test('readStyleLinks :: what is no link', () => {
  const cases = [
    '/* url(a.png) @import "b.css" */',
    'p::after { content: "url(a.png)" }',
    '@namespace svg url(http://www.w3.org/2000/svg);',
    '@namespace svg "http://www.w3.org/2000/svg"; p { content: "x" } /* url( */',
    'p { mask: src-url }',
  ];
  for (const css of cases) assert.equal(readStyleLinks(css), [], css);
});

test.run();
