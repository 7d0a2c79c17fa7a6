/** Rows of the conformance table: ranges and If-Range (RFC 9110 §14, §13.1.5). */
import type { Row } from './row.ts';
import { LAST_MODIFIED } from './site.ts';

const gzip = 'Accept-Encoding: gzip';

/** A Range header, the part of the file (to, exclusive; negative from the end), and the paragraph. */
const satisfied: readonly (readonly [string, string, number, number | undefined])[] = [
  ['14.1.2', 'bytes=0-0', 0, 1],
  // What Safari asks first of a film.
  ['14.1.2', 'bytes=0-1', 0, 2],
  ['14.1.2', 'bytes=10-19', 10, 20],
  ['14.1.2', 'bytes=65534-65536', 65_534, 65_537],
  ['14.1.2', 'bytes=60000-79999', 60_000, 80_000],
  ['14.1.2', 'bytes=0-', 0, undefined],
  ['14.1.2', 'bytes=100-', 100, undefined],
  ['14.1.2', 'bytes=-1', -1, undefined],
  ['14.1.2', 'bytes=-500', -500, undefined],
  ['14.1.2', 'bytes=-99999999', 0, undefined],
  ['14.1.2', 'bytes=5-99999999', 5, undefined],
  ['14.1.2', 'bytes=5-99999999999999999999999', 5, undefined],
  ['14.1', 'BYTES=3-4', 3, 5],
  ['5.6.1.2', 'bytes=,2-3', 2, 4],
  ['5.6.1.2', 'bytes=2-3 ,', 2, 4],
];

const unsatisfiable: readonly string[] = [
  'bytes=99999999-',
  'bytes=99999999-99999999',
  'bytes=99999999999999999999999-',
  'bytes=-0',
];

/** Headers that are none, or ask for more than one part. */
const ignored: readonly (readonly [string, string])[] = [
  ['14.1.1', 'bytes=9-1'],
  ['14.1.1', 'bytes=a-b'],
  ['14.1.1', 'bytes='],
  ['14.1.1', 'bytes=-'],
  ['14.1.1', 'bytes=--1'],
  ['14.1.1', 'bytes=1.5-2'],
  ['14.1.1', 'bytes 0-1'],
  ['14.2', 'items=0-1'],
  ['14.2', '0-1'],
];

/** Several ranges: as multipart, or as the whole, which is what drayer sends. */
const several: readonly (readonly [string, string])[] = [
  ['14.2', 'bytes=0-1,5-6'],
  ['14.2', 'bytes=0-0,-1'],
  ['17.15', `bytes=${'0-,'.repeat(100)}0-`],
];

const PART_ROWS: readonly Row[] = ['text.txt', 'film.mp4'].flatMap((file) =>
  satisfied.map(([section, range, start, end]): Row => {
    const from = start < 0 ? `{last-${-start - 1}}` : `${start}`;
    return {
      name: `${range} of ${file}`,
      by: `RFC 9110 §${section}`,
      path: `/${file}`,
      headers: [`Range: ${range}`],
      status: 206,
      expect: {
        'content-range': `bytes ${from}-${end === undefined ? '{last}' : end - 1}/{size}`,
        'content-encoding': null,
        etag: '{etag}',
      },
      body: { file, start, end },
    };
  }),
);

const STORED_ROWS: readonly Row[] = (
  [
    ['bytes=0-9', 0, 10],
    ['bytes=10-', 10, undefined],
    ['bytes=-8', -8, undefined],
  ] as const
).map(([range, start, end]) => ({
  name: `${range} of the compressed form`,
  by: 'RFC 9110 §14.1.2',
  path: '/text.txt',
  headers: [gzip, `Range: ${range}`],
  status: 206,
  expect: {
    'content-range': /^bytes \d+-\d+\/\d+$/,
    'content-encoding': 'gzip',
    etag: '{gzip-etag}',
    vary: 'Accept-Encoding',
  },
  body: { file: 'text.txt', form: 'gzip', start, end },
}));

const BEYOND_ROWS: readonly Row[] = [
  ...['text.txt', 'note.txt', 'film.mp4'].flatMap((file) =>
    unsatisfiable.map((range) => ({
      name: `${range} of ${file}`,
      by: 'RFC 9110 §15.5.17',
      path: `/${file}`,
      headers: [`Range: ${range}`],
      status: 416,
      expect: { 'content-range': 'bytes */{size}', 'content-encoding': null },
    })),
  ),
  {
    name: 'bytes=99999999- of the compressed form',
    by: 'RFC 9110 §15.5.17',
    path: '/text.txt',
    headers: [gzip, 'Range: bytes=99999999-'],
    status: 416,
    expect: { 'content-range': 'bytes */{gzip-size}', 'content-encoding': null },
  },
  {
    name: 'bytes=0- of an empty file',
    by: 'RFC 9110 §14.1.2',
    path: '/empty.txt',
    headers: ['Range: bytes=0-'],
    status: 416,
    expect: { 'content-range': 'bytes */0' },
  },
  {
    name: 'bytes=-5 of an empty file',
    by: 'RFC 9110 §14.1.2',
    path: '/empty.txt',
    headers: ['Range: bytes=-5'],
    status: 200,
    expect: { 'content-length': '0', 'content-range': null },
    body: 'none',
  },
];

const SEVERAL_ROWS: readonly Row[] = several.map(([section, range]) => ({
  name: `Range: ${range.slice(0, 40)}`,
  by: `RFC 9110 §${section}`,
  path: '/note.txt',
  headers: [`Range: ${range}`],
  status: 200,
  or: [206, 416],
  expect: { 'content-range': null, 'content-length': '{size}' },
  body: { file: 'note.txt' },
}));

const IGNORED_ROWS: readonly Row[] = ignored.map(([section, range]) => ({
  name: `Range: ${range.slice(0, 40)}`,
  by: `RFC 9110 §${section}`,
  path: '/note.txt',
  headers: [`Range: ${range}`],
  status: 200,
  // Several may be sent as multipart, what is malformed may be refused; unknown units are ignored.
  or: section === '14.2' ? [] : [416],
  expect: { 'content-range': null, 'content-length': '{size}' },
  body: { file: 'note.txt' },
}));

const inPart: readonly (readonly [string, string, 200 | 206])[] = [
  ['the tag', 'If-Range: {etag}', 206],
  ['another tag', 'If-Range: "x"', 200],
  ['a weak tag', 'If-Range: W/{etag}', 200],
  ['the tag of the other form', 'If-Range: {gzip-etag}', 200],
  ['a bare word', 'If-Range: {bare-etag}', 200],
  ['a list', 'If-Range: "x", {etag}', 200],
  ['another date', 'If-Range: Sun, 06 Nov 1994 08:49:38 GMT', 200],
  ['an earlier date', 'If-Range: Sun, 06 Nov 1994 08:49:36 GMT', 200],
];

const IF_RANGE_ROWS: readonly Row[] = [
  ...inPart.map(([name, header, status]) => ({
    name: `If-Range with ${name}`,
    by: 'RFC 9110 §13.1.5',
    path: '/text.txt',
    headers: ['Range: bytes=0-9', header],
    status,
    body: { file: 'text.txt', end: status === 206 ? 10 : undefined },
  })),
  {
    // A date is strong only where the server knows that nothing changed twice in that second (§8.8.2.2).
    name: 'If-Range with the date, which is the publisher’s',
    by: 'RFC 9110 §13.1.5',
    path: '/text.txt',
    headers: ['Range: bytes=0-9', `If-Range: ${LAST_MODIFIED}`],
    status: 200,
    body: { file: 'text.txt' },
    own: true,
  },
  {
    name: 'If-Range without Range',
    by: 'RFC 9110 §13.1.5',
    path: '/text.txt',
    headers: ['If-Range: "x"'],
    status: 200,
    body: { file: 'text.txt' },
  },
  {
    name: 'HEAD with Range',
    by: 'RFC 9110 §14.2',
    method: 'HEAD',
    path: '/text.txt',
    headers: ['Range: bytes=0-9'],
    status: 200,
    expect: { 'content-length': '{size}', 'content-range': null },
    body: 'none',
  },
  {
    name: 'If-None-Match before Range',
    by: 'RFC 9110 §13.2.2',
    path: '/text.txt',
    headers: ['Range: bytes=0-9', 'If-None-Match: {etag}'],
    status: 304,
    expect: { 'content-range': null },
    body: 'none',
  },
  {
    name: 'If-None-Match of another tag, with Range',
    by: 'RFC 9110 §13.2.2',
    path: '/text.txt',
    headers: ['Range: bytes=0-9', 'If-None-Match: "x"'],
    status: 206,
    body: { file: 'text.txt', end: 10 },
  },
  {
    name: 'If-Match before Range',
    by: 'RFC 9110 §13.2.2',
    path: '/text.txt',
    headers: ['Range: bytes=0-9', 'If-Match: "x"'],
    status: 412,
    expect: { 'content-range': null },
  },
  {
    name: 'If-Match with the tag, with Range',
    by: 'RFC 9110 §13.2.2',
    path: '/text.txt',
    headers: ['Range: bytes=0-9', 'If-Match: {etag}'],
    status: 206,
    body: { file: 'text.txt', end: 10 },
  },
  {
    name: 'If-None-Match before a Range that cannot be',
    by: 'RFC 9110 §13.2.2',
    path: '/text.txt',
    headers: ['Range: bytes=99999999-', 'If-None-Match: {etag}'],
    status: 304,
    body: 'none',
  },
  {
    name: 'two lines of Range',
    by: 'RFC 9110 §5.3',
    path: '/note.txt',
    headers: ['Range: bytes=0-1', 'Range: bytes=5-6'],
    status: 200,
    or: [206, 400, 416],
    body: { file: 'note.txt' },
  },
  {
    name: 'Range of what is not there',
    by: 'RFC 9110 §14.2',
    path: '/none',
    headers: ['Range: bytes=0-9'],
    status: 404,
    expect: { 'content-range': null },
    body: { file: '404.html' },
  },
];

/** Ranges. */
export const RANGE_ROWS: readonly Row[] = [
  ...PART_ROWS,
  ...STORED_ROWS,
  ...BEYOND_ROWS,
  ...SEVERAL_ROWS,
  ...IGNORED_ROWS,
  ...IF_RANGE_ROWS,
];
