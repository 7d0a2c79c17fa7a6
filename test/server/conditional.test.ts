import type { IncomingHttpHeaders } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkPreconditions, type Precondition } from '../../src/server/conditional.ts';
import { formatHttpDate, parseHttpDate } from '../../src/server/http-date.ts';

const test = suite('server/conditional');

const NOVEMBER = Date.UTC(1994, 10, 6, 8, 49, 37);
const validators = { etag: '"abc"', lastModifiedMs: NOVEMBER };

const long = 'Thu, 01 Jan 1970 00:00:00 GMT';

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
  [{ 'if-match': '"x", "abc"' }, 'send'],
  [{ 'if-match': '' }, 'failed'],
  [{ 'if-match': '"other"', 'if-none-match': '"abc"' }, 'failed'],
  // §8.8.3: a tag is taken as it is, case, commas and all.
  [{ 'if-none-match': '"ABC"' }, 'send'],
  [{ 'if-none-match': 'w/"abc"' }, 'send'],
  [{ 'if-match': 'w/"abc"' }, 'failed'],
  [{ 'if-none-match': 'x"abc"' }, 'send'],
  [{ 'if-none-match': '"abc"x' }, 'send'],
  [{ 'if-none-match': '"x" "abc"' }, 'send'],
  [{ 'if-none-match': 'junk, "abc"' }, 'not-modified'],
  [{ 'if-none-match': '"abc" , ' }, 'not-modified'],
  [{ 'if-none-match': ' * ' }, 'not-modified'],
  [{ 'if-none-match': '"*"' }, 'send'],
  [{ 'if-none-match': '' }, 'send'],
  // §13.1.4: only without If-Match, and only when it is a date.
  [{ 'if-unmodified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' }, 'send'],
  [{ 'if-unmodified-since': 'Sun, 06 Nov 1994 08:49:38 GMT' }, 'send'],
  [{ 'if-unmodified-since': 'Sun, 06 Nov 1994 08:49:36 GMT' }, 'failed'],
  [{ 'if-unmodified-since': 'long ago' }, 'send'],
  [{ 'if-match': '"abc"', 'if-unmodified-since': 'Sun, 06 Nov 1994 08:49:36 GMT' }, 'send'],
  [{ 'if-unmodified-since': long, 'if-none-match': '"abc"' }, 'failed'],
  // §13.1.3: a date before it, and what is none.
  [{ 'if-modified-since': 'Sat, 05 Nov 1994 08:49:37 GMT' }, 'send'],
  [{ 'if-modified-since': 'Sun, 06 Nov 1994 08:49:37 CET' }, 'send'],
  [{ 'if-modified-since': '784111777' }, 'send'],
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

test('checkPreconditions :: a later date counts from when the file stood here (§13.1.3)', () => {
  const publishedMs = Date.UTC(2020, 0, 1, 0, 0, 0, 500);
  const ask = (date: number): Precondition =>
    checkPreconditions(
      { 'if-modified-since': formatHttpDate(date) },
      { ...validators, publishedMs },
    );

  assert.is(ask(NOVEMBER), 'not-modified');
  assert.is(ask(NOVEMBER + 1000), 'send');
  assert.is(ask(Date.UTC(2020, 0, 1)), 'send');
  assert.is(ask(Date.UTC(2020, 0, 1, 0, 0, 1)), 'not-modified');
  assert.is(ask(Date.UTC(2100, 0, 1)), 'not-modified');
});

test('checkPreconditions :: a file dated after it was published counts by its date', () => {
  const headers = { 'if-modified-since': 'Sun, 06 Nov 1994 08:49:36 GMT' };

  assert.is(checkPreconditions(headers, { ...validators, publishedMs: 0 }), 'send');
});

test('parseHttpDate :: reads back what formatHttpDate wrote', () => {
  assert.is(formatHttpDate(NOVEMBER), 'Sun, 06 Nov 1994 08:49:37 GMT');
  assert.is(parseHttpDate(formatHttpDate(NOVEMBER)), NOVEMBER);
});

const dates: readonly (readonly [string, number | undefined])[] = [
  ['Sunday, 06-Nov-94 08:49:37 GMT', NOVEMBER],
  ['Sun Nov  6 08:49:37 1994', NOVEMBER],
  ['Sun Nov 06 08:49:37 1994', NOVEMBER],
  // The century of two digits: at most 50 years ahead of 2026.
  ['Sunday, 06-Nov-76 08:49:37 GMT', Date.UTC(2076, 10, 6, 8, 49, 37)],
  ['Sunday, 06-Nov-77 08:49:37 GMT', Date.UTC(1977, 10, 6, 8, 49, 37)],
  ['Sunday, 06-Nov-00 08:49:37 GMT', Date.UTC(2000, 10, 6, 8, 49, 37)],
  ['Wed, 29 Feb 2012 00:00:00 GMT', Date.UTC(2012, 1, 29)],
  ['Tue, 29 Feb 2011 00:00:00 GMT', undefined],
  ['Sat, 31 Jun 2012 00:00:00 GMT', undefined],
  ['Sun, 00 Nov 1994 08:49:37 GMT', undefined],
  ['Sun, 06 Nov 1994 24:00:00 GMT', undefined],
  ['Sun, 06 Nov 1994 08:60:37 GMT', undefined],
  ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2016, 11, 31, 23, 59, 59)],
  ['sun, 06 nov 1994 08:49:37 gmt', undefined],
  ['Sun, 6 Nov 1994 08:49:37 GMT', undefined],
  ['Sun, 06 Nov 1994 08:49:37 +0000', undefined],
  ['Sun, 06 Nov 1994 08:49:37', undefined],
  ['1994-11-06T08:49:37Z', undefined],
  ['0', undefined],
  ['', undefined],
  ['Mon, 01 Jan 0001 00:00:00 GMT', undefined],
];

for (const [text, expected] of dates) {
  test(`parseHttpDate :: ${JSON.stringify(text)} (RFC 9110 §5.6.7)`, () => {
    assert.is(parseHttpDate(text, Date.UTC(2026, 0, 1)), expected);
  });
}

test.run();
