import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mediaTypeOf } from '../../src/files/media-type.ts';
import { shouldStore } from '../../src/files/stored-media.ts';

const test = suite('files/media-type');

test('mediaTypeOf :: text comes with its charset', () => {
  const types: [string, string][] = [
    ['index.html', 'text/html; charset=utf-8'],
    ['a/b.CSS', 'text/css; charset=utf-8'],
    ['app.js', 'text/javascript; charset=utf-8'],
    ['app.mjs', 'text/javascript; charset=utf-8'],
    ['data.json', 'application/json; charset=utf-8'],
    ['logo.svg', 'image/svg+xml'],
    ['photo.jpg', 'image/jpeg'],
    ['module.wasm', 'application/wasm'],
    ['site.webmanifest', 'application/manifest+json; charset=utf-8'],
  ];
  for (const [key, type] of types) assert.is(mediaTypeOf(key), type, key);
});

test('mediaTypeOf :: without a known extension it is bytes', () => {
  for (const key of ['', 'html', 'LICENSE', 'a.b/c', '.html', 'x.', 'x.unknown-type', 'a.html/']) {
    assert.is(mediaTypeOf(key), 'application/octet-stream', key);
  }
});

test('shouldStore :: compressed media is stored, text is not (R25)', () => {
  for (const key of ['a.jpg', 'b/c.MP4', 'x.tar.gz', 'font.woff2'])
    assert.is(shouldStore(key), true);
  for (const key of ['a.html', 'b.svg', 'jpg', '.png', 'x.wav']) assert.is(shouldStore(key), false);
});

test.run();
