import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { parsePeerUrl, parsePeerUrls } from '../../src/mirror/peer-url.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('mirror/peer-url');

const base64 = formatStreamId(KEY_A.publicKey);
const canonical = formatStreamId(KEY_A.publicKey, 'base64url');
const label = formatStreamId(KEY_A.publicKey, 'base32');

const cases: [text: string, base: string, hasKey: boolean, site: boolean][] = [
  ['http://host:33125', 'http://host:33125', false, false],
  ['http://host:33125/', 'http://host:33125', false, false],
  ['  http://host:33125/mirror/ ', 'http://host:33125/mirror', false, false],
  ['192.168.1.20:33125', 'http://192.168.1.20:33125', false, false],
  ['localhost:33125', 'http://localhost:33125', false, false],
  ['https://example.org/a/b', 'https://example.org/a/b', false, false],
  [`http://host/${canonical}`, 'http://host', true, false],
  [`http://host/${encodeURIComponent(base64)}/webAccess/a/index.html`, 'http://host', true, false],
  [`http://host/mirror/${label}/webAccess/?x=1#y`, 'http://host/mirror', true, false],
  [`http://${label}.localhost:8080/deep/page.html`, `http://${label}.localhost:8080`, true, true],
  [`${label}.localhost:8080`, `http://${label}.localhost:8080`, true, true],
  ['http://blog.localhost:8080/', 'http://blog.localhost:8080', false, false],
  [`drayer://${canonical}?from=http://host:1`, 'http://host:1', true, false],
  [`drayer://${label}/page.html?from=http%3A%2F%2Fhost%3A1%2Fm`, 'http://host:1/m', true, false],
];

for (const [text, base, hasKey, site] of cases) {
  test(`parsePeerUrl :: ${text.trim().replaceAll(canonical, 'KEY').replaceAll(label, 'LABEL')}`, () => {
    const peer = parsePeerUrl(text);

    assert.is(peer.base, base);
    assert.is(peer.site, site);
    assert.equal(peer.publicKey, hasKey ? KEY_A.publicKey : undefined);
    assert.is(peer.origin, new URL(base).origin);
  });
}

test('parsePeerUrls :: a link names several servers, of its own stream alone', () => {
  const peers = parsePeerUrls(`drayer://${canonical}?from=http://a:1&from=http://b:2/m`);

  assert.equal(
    peers.map(({ base }) => base),
    ['http://a:1', 'http://b:2/m'],
  );
  assert.ok(peers.every(({ publicKey }) => publicKey === peers[0]?.publicKey));
  assert.is(parsePeerUrls('http://a:1').length, 1);
  const other = formatStreamId(KEY_B.publicKey, 'base64url');
  assert.throws(
    () => parsePeerUrls(`drayer://${canonical}?from=http://a:1/${other}/`),
    throwsCode('USAGE'),
  );
});

test('parsePeerUrl :: what is no address is refused with an example', () => {
  for (const text of ['', 'ftp://host/', 'http://', 'http://[::', 'http://me:secret@host/']) {
    assert.throws(() => parsePeerUrl(text), throwsCode('USAGE'));
  }
  assert.throws(() => parsePeerUrl(`drayer://${canonical}`), throwsCode('USAGE'));
  assert.throws(
    () => parsePeerUrl('drayer://nonsense?from=http://h'),
    throwsCode('STREAM_ID_INVALID'),
  );
});

test('parsePeerUrl :: a password in a URL is not repeated in the message', () => {
  for (const [text, why] of [
    ['http://me:secret@host/', 'user name'],
    ['http://me:secret@host:99999/', 'not a URL'],
    ['http://me:sec@ret@host:x/', 'not a URL'],
  ] as const) {
    let message = '';
    try {
      parsePeerUrl(text);
    } catch (error) {
      message = String(error);
    }

    assert.match(message, why);
    assert.not.match(message, /sec|ret/);
  }
});

test.run();
