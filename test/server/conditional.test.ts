import type { IncomingHttpHeaders } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkPreconditions, type Precondition } from '../../src/server/conditional.ts';
import { formatHttpDate, parseHttpDate } from '../../src/server/http-date.ts';

const test = suite('server/conditional');

const NOVEMBER = Date.UTC(1994, 10, 6, 8, 49, 37);
const validators = { etag: '"abc"', lastModifiedMs: NOVEMBER };

const cases: readonly (readonly [IncomingHttpHeaders, Precondition])[] = [
  [{}, 'send'],
  [{ 'if-none-match': '"abc"' }, 'not-modified'],
  [{ 'if-none-match': 'W/"abc"' }, 'not-modified'],
  [{ 'if-none-match': '*' }, 'not-modified'],
  [{ 'if-none-match': '"x", "y,z", W/"abc" ,"q"' }, 'not-modified'],
  [{ 'if-none-match': '"abc-id"' }, 'send'],
  [{ 'if-none-match': 'abc' }, 'send'],
  [{ 'if-none-match': '"ab' }, 'send'],
  [{ 'if-modified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' }, 'not-modified'],
  [{ 'if-modified-since': 'Sunday, 06-Nov-94 08:49:37 GMT' }, 'not-modified'],
  [{ 'if-modified-since': 'Sun Nov  6 08:49:37 1994' }, 'not-modified'],
  [{ 'if-modified-since': 'Sun, 06 Nov 1994 08:49:36 GMT' }, 'send'],
  [{ 'if-modified-since': 'Sun, 06 Nov 2094 08:49:37 GMT' }, 'send'],
  [{ 'if-modified-since': '0' }, 'send'],
  // §13.1.3: If-None-Match beside it is the better question.
  [{ 'if-none-match': '"other"', 'if-modified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' }, 'send'],
  [{ 'if-match': '"abc"' }, 'send'],
  [{ 'if-match': '*' }, 'send'],
  [{ 'if-match': '"other"' }, 'failed'],
  [{ 'if-match': 'W/"abc"' }, 'failed'],
  [{ 'if-match': '"abc"', 'if-none-match': '"abc"' }, 'not-modified'],
];

for (const [headers, expected] of cases) {
  test(`checkPreconditions :: ${JSON.stringify(headers)} gives ${expected} (RFC 9110 §13)`, () => {
    assert.is(checkPreconditions(headers, validators), expected);
  });
}

test('checkPreconditions :: a date says nothing where there is none to compare', () => {
  const headers = { 'if-modified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' };

  assert.is(checkPreconditions(headers, { etag: '"abc"' }), 'send');
});

test('parseHttpDate :: reads back what formatHttpDate wrote', () => {
  assert.is(formatHttpDate(NOVEMBER), 'Sun, 06 Nov 1994 08:49:37 GMT');
  assert.is(parseHttpDate(formatHttpDate(NOVEMBER)), NOVEMBER);
});

test.run();
