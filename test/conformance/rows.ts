/**
 * The conformance table: each request with what has to come of it, and the paragraph that decides. Data
 * alone; `play.ts` plays it. The site is that of `site.ts`, standing at `/` of an origin of its own.
 */
import type { Row } from './row.ts';
import { CONDITIONAL_ROWS } from './rows-conditional.ts';
import { PATH_ROWS } from './rows-paths.ts';
import { RANGE_ROWS } from './rows-ranges.ts';
import { LAST_MODIFIED } from './site.ts';

const types: readonly (readonly [string, string])[] = [
  ['index.html', 'text/html; charset=utf-8'],
  ['app.css', 'text/css; charset=utf-8'],
  ['app.mjs', 'text/javascript; charset=utf-8'],
  ['app.js', 'text/javascript; charset=utf-8'],
  ['data.json', 'application/json; charset=utf-8'],
  ['text.txt', 'text/plain; charset=utf-8'],
  ['drawing.svg', 'image/svg+xml'],
  ['program.wasm', 'application/wasm'],
  ['font.woff2', 'font/woff2'],
  ['film.mp4', 'video/mp4'],
  ['pixel.png', 'image/png'],
  ['app.webmanifest', 'application/manifest+json; charset=utf-8'],
  ['unknown.xyzzy', 'application/octet-stream'],
  ['README', 'application/octet-stream'],
  ['UPPER.TXT', 'text/plain; charset=utf-8'],
];

const TYPE_ROWS: readonly Row[] = types.map(([file, type]) => ({
  name: `the type of ${file}`,
  by: 'RFC 9110 §8.3',
  path: `/${file}`,
  status: 200,
  expect: {
    'content-type': type,
    'content-length': '{size}',
    'content-encoding': null,
    'last-modified': LAST_MODIFIED,
    'accept-ranges': 'bytes',
    etag: '{etag}',
  },
  body: { file },
}));

const HEAD_ROWS: readonly Row[] = [
  ...['index.html', 'text.txt', 'note.txt', 'film.mp4', 'empty.txt'].map((file) => ({
    name: `HEAD of ${file}`,
    by: 'RFC 9110 §9.3.2',
    method: 'HEAD',
    path: `/${file}`,
    status: 200,
    expect: { 'content-length': '{size}', etag: '{etag}', 'last-modified': LAST_MODIFIED },
    body: 'none' as const,
  })),
  {
    name: 'HEAD of the compressed form',
    by: 'RFC 9110 §9.3.2',
    method: 'HEAD',
    path: '/text.txt',
    headers: ['Accept-Encoding: gzip'],
    status: 200,
    expect: {
      'content-length': '{gzip-size}',
      'content-encoding': 'gzip',
      etag: '{gzip-etag}',
      vary: 'Accept-Encoding',
    },
    body: 'none',
  },
  {
    name: 'HEAD of what is not there',
    by: 'RFC 9110 §9.3.2',
    method: 'HEAD',
    path: '/none',
    status: 404,
    expect: { 'content-length': '{size}', 'content-type': 'text/html; charset=utf-8' },
    of: '404.html',
    body: 'none',
  },
  {
    name: 'HEAD of a redirect',
    by: 'RFC 9110 §9.3.2',
    method: 'HEAD',
    path: '/docs',
    status: 308,
    expect: { location: '/docs/' },
    body: 'none',
    own: true,
  },
];

const METHOD_ROWS: readonly Row[] = [
  ...['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE'].map((method) => ({
    name: `${method} of a file`,
    by: 'RFC 9110 §15.5.6',
    method,
    path: '/note.txt',
    headers: ['Content-Length: 0'],
    status: 405,
    expect: { allow: /GET, HEAD/ },
  })),
  {
    name: 'POST of what is not there',
    by: 'RFC 9110 §15.5.6',
    method: 'POST',
    path: '/none',
    headers: ['Content-Length: 0'],
    status: 405,
    expect: { allow: 'GET, HEAD, OPTIONS' },
    own: true,
  },
  ...['PROPFIND', 'MKCOL', 'PURGE'].map((method) => ({
    name: `${method}, a method that is unknown here`,
    by: 'RFC 9110 §15.6.2',
    method,
    path: '/note.txt',
    status: 501,
    or: [405],
  })),
  {
    name: 'OPTIONS of a file',
    by: 'RFC 9110 §9.3.7',
    method: 'OPTIONS',
    path: '/note.txt',
    status: 204,
    or: [200],
    expect: { allow: 'GET, HEAD, OPTIONS', 'content-length': null, etag: null },
    body: 'none',
  },
  {
    name: 'OPTIONS of the server',
    by: 'RFC 9110 §9.3.7',
    method: 'OPTIONS',
    path: '*',
    status: 204,
    expect: { allow: 'GET, HEAD, OPTIONS' },
    body: 'none',
  },
  {
    name: 'GET of the server',
    by: 'RFC 9112 §3.2.4',
    path: '*',
    status: 400,
  },
  {
    name: 'a tunnel',
    by: 'RFC 9110 §9.3.6',
    method: 'CONNECT',
    path: 'example.org:80',
    status: 501,
    or: [400, 405],
    body: 'none',
  },
  {
    name: 'a method in lower case is another method',
    by: 'RFC 9110 §9.1',
    method: 'get',
    path: '/note.txt',
    status: 400,
    own: true,
  },
];

const JSON_TYPE = 'application/json; charset=utf-8';
const LIST = '/.well-known/drayer/streams.json';

/** What is made for the request: it has a weak tag, and only a whole. */
const MADE_ROWS: readonly Row[] = (
  [
    ['plainly', '8.3', [], 200],
    ['with a tag', '13.1.2', ['If-None-Match: *'], 304],
    ['with another tag', '13.1.2', ['If-None-Match: "x"'], 200],
    ['where it must be the same', '13.1.1', ['If-Match: "x"'], 412],
    ['where it must be there', '13.1.1', ['If-Match: *'], 200],
    [
      'by a date it does not have',
      '13.1.3',
      ['If-Modified-Since: Sun, 06 Nov 2093 08:49:37 GMT'],
      200,
    ],
    [
      'by a date it does not have, unmodified',
      '13.1.4',
      [`If-Unmodified-Since: ${LAST_MODIFIED}`],
      200,
    ],
    ['in part', '14.2', ['Range: bytes=0-1'], 200],
    ['refusing every coding', '12.5.3', ['Accept-Encoding: *;q=0'], 200],
    ['refusing every coding but one', '12.5.3', ['Accept-Encoding: br'], 200],
  ] as const
).map(([name, section, headers, status]) => ({
  name: `a list, ${name}`,
  by: `RFC 9110 §${section}`,
  path: LIST,
  headers,
  status,
  expect: {
    vary: status === 412 ? /^/ : /Accept-Encoding/,
    'content-encoding': null,
    ...(status === 200 ? { 'content-type': JSON_TYPE, etag: /^W\/"[0-9a-f]+"$/ } : {}),
    ...(status === 412 ? { 'content-type': 'application/problem+json', etag: null } : {}),
  },
  body: status === 200 ? /^\{"streams":\[\{"id":/ : undefined,
  own: true,
}));

const stored: readonly string[] = [
  'gzip',
  'GZIP',
  'x-gzip',
  'gzip, deflate, br, zstd',
  '*',
  'gzip;q=0.001',
  'gzip;q=1.000',
  'identity;q=0.5, gzip;q=0.5',
  'identity;q=0, gzip',
  '*;q=0, gzip',
  '*;q=0.1, gzip;q=0.5',
  '*, identity;q=0',
  'br;q=1, gzip;q=0.2',
  ' ,, gzip ,',
];
const inflated: readonly string[] = [
  '',
  'br',
  'identity',
  '*;q=0',
  'gzip;q=0',
  'gzip;q=0.000',
  'gzip;q=0, *',
  'identity;q=1, *;q=0',
  'identity, gzip;q=0.5',
  '*, gzip;q=0.5',
  'gzip;q=banana',
  'gzip;q=2',
  'gzipped',
  'deflate, compress',
];

const ENCODING_ROWS: readonly Row[] = [
  ...stored.map((header) => ({
    name: `Accept-Encoding: ${header}`,
    by: 'RFC 9110 §12.5.3',
    path: '/text.txt',
    headers: [`Accept-Encoding: ${header}`],
    status: 200,
    expect: {
      'content-encoding': 'gzip',
      'content-length': '{gzip-size}',
      'content-type': 'text/plain; charset=utf-8',
      vary: 'Accept-Encoding',
      etag: '{gzip-etag}',
    },
    body: { file: 'text.txt', form: 'gzip' as const },
  })),
  ...inflated.map((header) => ({
    name: `Accept-Encoding: ${header}`,
    by: 'RFC 9110 §12.5.3',
    path: '/text.txt',
    headers: [`Accept-Encoding: ${header}`],
    status: 200,
    expect: {
      'content-encoding': null,
      'content-length': '{size}',
      vary: 'Accept-Encoding',
      etag: '{etag}',
    },
    body: { file: 'text.txt' },
  })),
  {
    name: 'no Accept-Encoding',
    by: 'RFC 9110 §12.5.5',
    path: '/note.txt',
    status: 200,
    expect: { 'content-encoding': null, vary: 'Accept-Encoding' },
    body: { file: 'note.txt' },
  },
  {
    name: 'two lines of Accept-Encoding are one list',
    by: 'RFC 9110 §5.3',
    path: '/text.txt',
    headers: ['Accept-Encoding: gzip;q=0', 'Accept-Encoding: *'],
    status: 200,
    expect: { 'content-encoding': null },
    body: { file: 'text.txt' },
  },
  {
    name: 'the two forms have tags of their own',
    by: 'RFC 9110 §8.8.3.3',
    path: '/text.txt',
    headers: ['Accept-Encoding: gzip', 'If-None-Match: {etag}'],
    status: 200,
    body: { file: 'text.txt', form: 'gzip' },
  },
  {
    name: 'an Accept that matches nothing is disregarded',
    by: 'RFC 9110 §12.5.1',
    path: '/text.txt',
    headers: ['Accept: image/avif', 'Accept-Language: tlh', 'Accept-Charset: iso-8859-1'],
    status: 200,
    body: { file: 'text.txt' },
  },
];

/** All rows. */
export const ROWS: readonly Row[] = [
  ...TYPE_ROWS,
  ...HEAD_ROWS,
  ...METHOD_ROWS,
  ...MADE_ROWS,
  ...ENCODING_ROWS,
  ...CONDITIONAL_ROWS,
  ...RANGE_ROWS,
  ...PATH_ROWS,
];
