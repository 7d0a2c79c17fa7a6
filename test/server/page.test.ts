import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { html, renderPage } from '../../src/server/page.ts';

const test = suite('server/page');

test('html :: what is interpolated is text, in an attribute too', () => {
  const hostile = `"'><img src=x onerror=alert(1)>&`;

  const page = renderPage(hostile, html`<a href="${hostile}">${hostile}</a>`);

  assert.not.match(page, '<img');
  assert.match(page, '<a href="&#34;&#39;&#62;&#60;img src=x onerror=alert(1)&#62;&#38;">');
});

test('html :: nested templates and lists stay HTML', () => {
  const items = ['a', '<b>'].map((name) => html`<li>${name}</li>`);

  assert.is(html`<ul>${items}</ul>${3}`.html, '<ul><li>a</li><li>&#60;b&#62;</li></ul>3');
});

test.run();
