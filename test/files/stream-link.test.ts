/** Links as people pass them on, and as somebody writes them who means harm. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import {
  formatStreamLink,
  isStreamLink,
  MOST_FROM,
  MOST_LINK,
  parseStreamLink,
} from '../../src/files/stream-link.ts';
import { KEY_A } from '../helpers/keys.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('files/stream-link');

const { publicKey } = KEY_A;
const key = formatStreamId(publicKey, 'base64url');
const label = formatStreamId(publicKey, 'base32');

const good: [text: string, path: string, name: string | undefined, from: string[]][] = [
  [`drayer://${key}`, '', undefined, []],
  [`  DRAYER://${key}/#top `, '', undefined, []],
  [`drayer://${label}/a/b%20c.html`, 'a/b c.html', undefined, []],
  [`drayer://${formatStreamId(publicKey)}/x`, 'x', undefined, []],
  [`drayer://${key}?name=Quinces&from=http://h:1`, '', 'Quinces', ['http://h:1/']],
  [`drayer://${key}/?from=http%3A%2F%2Fh%3A1%2Fm`, '', undefined, ['http://h:1/m/']],
  [
    `drayer://${key}/?from=https://a.example/&from=http://[fd01::1]:33125&from=https://a.example`,
    '',
    undefined,
    ['https://a.example/', 'http://[fd01::1]:33125/'],
  ],
  [`drayer://${key}/?name=K%C3%BCche+und%20Hof&later=1`, '', 'Küche und Hof', []],
  [`drayer://${key}/?from=http://h/a%252Fb%2Bc/`, '', undefined, ['http://h/a%2Fb+c/']],
  [`drayer://${key}/?from=10.0.0.1:33125`, '', undefined, ['http://10.0.0.1:33125/']],
  [`drayer://${key}/?name=`, '', undefined, []],
];

for (const [text, path, name, from] of good) {
  test(`parseStreamLink :: reads ${text.replace(key, 'KEY').replace(label, 'LABEL')}`, () => {
    const link = parseStreamLink(text);

    assert.ok(isStreamLink(text));
    assert.equal(link, { publicKey, path, name, from });
    assert.equal(parseStreamLink(formatStreamLink(link)), link);
  });
}

const bad: [what: string, text: string][] = [
  ['a wrong scheme in from', `drayer://${key}?from=javascript:alert(1)`],
  ['a file in from', `drayer://${key}?from=file:///etc/passwd`],
  ['another link in from', `drayer://${key}?from=drayer://${key}`],
  ['no scheme in from', `drayer://${key}?from=//evil.example/`],
  ['credentials in from', `drayer://${key}?from=http://me:secret@h/`],
  ['an empty user in from', `drayer://${key}?from=http://@h/`],
  ['credentials that are encoded', `drayer://${key}?from=http://me%3Asecret%40h/`],
  ['a query in from', `drayer://${key}?from=http://h/%3Fx=1`],
  ['a line end in from', `drayer://${key}?from=http://h/%0d%0aX-Evil:1`],
  ['a backslash in from', `drayer://${key}?from=http:%5C%5Ch/`],
  ['a tab that URL parsers drop', `drayer://${key}?from=ht%09tp://h/`],
  ['no host in from', `drayer://${key}?from=http:///x`],
  ['an escape sequence in the name', `drayer://${key}?name=%1b%5d0;owned%07`],
  ['a name that turns text around', `drayer://${key}?name=a%E2%80%AEb`],
  ['a name that is no UTF-8', `drayer://${key}?name=%ff`],
  ['two names', `drayer://${key}?name=a&name=b`],
  ['a name without end', `drayer://${key}?name=${'n'.repeat(101)}`],
  ['a control character as it is', `drayer://${key}/\u001b[2J`],
  ['a space', `drayer://${key}/a b`],
  ['broken percent-encoding', `drayer://${key}?name=100%`],
  ['dots in the path', `drayer://${key}/../x`],
  ['dots that are encoded', `drayer://${key}/%2e%2e/x`],
  ['a zero byte in the path', `drayer://${key}/a%00b`],
  ['one slash', `drayer:/${key}`],
  ['too long', `drayer://${key}/${'a'.repeat(MOST_LINK)}`],
  ['too many servers', `drayer://${key}?${'from=http://h/&'.repeat(MOST_FROM + 1)}`],
];

for (const [what, text] of bad) {
  test(`parseStreamLink :: refuses ${what}, and repeats nothing of it`, () => {
    let message = '';
    try {
      parseStreamLink(text);
    } catch (error) {
      throwsCode('USAGE')(error);
      message = String(error);
    }

    assert.match(message, 'not a drayer link: ');
    assert.not.match(message, /secret|owned|evil|\p{Cc}/u);
  });
}

test('parseStreamLink :: without a key there is no link', () => {
  for (const text of ['drayer://', 'drayer://blog/', 'drayer://blog?from=http://h/']) {
    assert.throws(() => parseStreamLink(text), throwsCode('STREAM_ID_INVALID'));
  }
  assert.not(isStreamLink(`http://h/${key}`));
});

test('formatStreamLink :: writes no link that could not be read', () => {
  assert.throws(() => formatStreamLink({ publicKey, name: 'a\nb' }), throwsCode('USAGE'));
  assert.throws(() => formatStreamLink({ publicKey, from: ['ftp://h/'] }), throwsCode('USAGE'));
});

test.run();
