/** Rows of the conformance table: preconditions (RFC 9110 §13). */
import type { Row } from './row.ts';
import { LAST_MODIFIED } from './site.ts';

const gzip = 'Accept-Encoding: gzip';
const EARLIER = 'Sun, 06 Nov 1994 08:49:36 GMT';
const FAR_AHEAD = 'Fri, 06 Nov 2093 08:49:37 GMT';

/** Header lines, what they come to, and the paragraph. */
const asked: readonly (readonly [string, readonly string[], 200 | 304 | 412])[] = [
  ['13.1.2', ['If-None-Match: {etag}'], 304],
  ['13.1.2', ['If-None-Match: W/{etag}'], 304],
  ['13.1.2', ['If-None-Match: *'], 304],
  ['13.1.2', ['If-None-Match: "x", "y,z", {etag} ,"q"'], 304],
  ['13.1.2', ['If-None-Match: "x"', 'If-None-Match: {etag}'], 304],
  ['13.1.2', ['If-None-Match: "x"'], 200],
  ['13.1.2', ['If-None-Match: "*"'], 200],
  ['8.8.3', ['If-None-Match: {bare-etag}'], 200],
  ['13.1.2', ['If-None-Match: {gzip-etag}'], 200],
  ['13.1.2', [gzip, 'If-None-Match: {gzip-etag}'], 304],
  ['13.1.2', [gzip, 'If-None-Match: {etag}, {gzip-etag}'], 304],
  ['13.1.2', ['If-None-Match:'], 200],
  ['13.1.3', [`If-Modified-Since: ${LAST_MODIFIED}`], 304],
  ['5.6.7', ['If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT'], 304],
  ['5.6.7', ['If-Modified-Since: Sun Nov  6 08:49:37 1994'], 304],
  ['13.1.3', [`If-Modified-Since: ${EARLIER}`], 200],
  ['13.1.3', [`If-Modified-Since: ${FAR_AHEAD}`], 304],
  ['13.1.3', ['If-Modified-Since: 0'], 200],
  ['13.1.3', ['If-Modified-Since: yesterday'], 200],
  ['13.1.3', ['If-Modified-Since: Sun, 06 Nov 1994 08:49:37 +0000'], 200],
  ['13.1.3', [`If-Modified-Since: ${LAST_MODIFIED}`, 'If-None-Match: "x"'], 200],
  ['13.1.3', [`If-Modified-Since: ${EARLIER}`, 'If-None-Match: {etag}'], 304],
  ['13.1.1', ['If-Match: {etag}'], 200],
  ['13.1.1', ['If-Match: *'], 200],
  ['13.1.1', ['If-Match: "x", {etag}'], 200],
  ['13.1.1', ['If-Match: "x"'], 412],
  ['13.1.1', ['If-Match: W/{etag}'], 412],
  ['13.1.1', ['If-Match: {gzip-etag}'], 412],
  ['13.1.1', [gzip, 'If-Match: {gzip-etag}'], 200],
  ['13.1.4', [`If-Unmodified-Since: ${LAST_MODIFIED}`], 200],
  ['13.1.4', [`If-Unmodified-Since: ${FAR_AHEAD}`], 200],
  ['13.1.4', [`If-Unmodified-Since: ${EARLIER}`], 412],
  ['13.1.4', ['If-Unmodified-Since: never'], 200],
  ['13.1.4', [`If-Unmodified-Since: ${EARLIER}`, 'If-Match: {etag}'], 200],
  ['13.2.2', ['If-Match: {etag}', 'If-None-Match: {etag}'], 304],
  ['13.2.2', ['If-Match: "x"', 'If-None-Match: {etag}'], 412],
  ['13.2.2', [`If-Unmodified-Since: ${EARLIER}`, 'If-None-Match: {etag}'], 412],
];

const GET_ROWS: readonly Row[] = asked.map(([section, headers, status]) => ({
  name: headers.join(' · '),
  by: `RFC 9110 §${section}`,
  path: '/text.txt',
  headers,
  status,
  ...(status === 304
    ? {
        expect: {
          etag: headers.includes(gzip) ? '{gzip-etag}' : '{etag}',
          vary: 'Accept-Encoding',
          'content-encoding': null,
          'content-length': null,
          'content-range': null,
        },
        body: 'none' as const,
      }
    : {}),
  ...(status === 200
    ? { body: { file: 'text.txt', form: headers.includes(gzip) ? 'gzip' : 'identity' } as const }
    : {}),
}));

const HEAD_ROWS: readonly Row[] = asked
  .filter(([, headers]) => headers.length === 1)
  .filter(([section]) => ['13.1.1', '13.1.2', '13.1.3'].includes(section))
  .map(([section, headers, status]) => ({
    name: `HEAD with ${headers[0]}`,
    by: `RFC 9110 §${section}`,
    method: 'HEAD',
    path: '/text.txt',
    headers,
    status,
    body: 'none',
  }));

const OTHER_ROWS: readonly Row[] = [
  {
    name: 'a precondition says nothing of what is not there',
    by: 'RFC 9110 §13.2.1',
    path: '/none',
    headers: ['If-None-Match: *'],
    status: 404,
  },
  {
    name: 'If-Match of what is not there',
    by: 'RFC 9110 §13.2.1',
    path: '/none',
    headers: ['If-Match: *'],
    status: 404,
  },
  {
    name: 'a precondition says nothing of a redirect',
    by: 'RFC 9110 §13.2.1',
    path: '/docs',
    headers: ['If-None-Match: *'],
    status: 308,
    own: true,
  },
  {
    name: 'a precondition beside a method that is not allowed',
    by: 'RFC 9110 §13.2.1',
    method: 'DELETE',
    path: '/text.txt',
    headers: ['If-Match: "x"'],
    status: 405,
  },
];

/** Preconditions. */
export const CONDITIONAL_ROWS: readonly Row[] = [...GET_ROWS, ...HEAD_ROWS, ...OTHER_ROWS];
