/** What is given to somebody so that they find a stream. */
import { readFileSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { renderCodeSvg } from '../../src/daemon/lan-code.ts';
import { shareAddressOf, shareLinkOf } from '../../src/daemon/share-address.ts';
import { writePicture } from '../../src/daemon/write-picture.ts';
import { parseStreamLink } from '../../src/files/stream-link.ts';
import { KEY_A } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('daemon/share-address');

const { publicKey } = KEY_A;
const key = formatStreamId(publicKey, 'base64url');
const addresses = [
  `http://${formatStreamId(publicKey, 'base32')}.localhost:33125/`,
  `http://127.0.0.1:33125/${key}/webAccess/`,
  `http://10.77.0.1:33125/m/${key}/webAccess/`,
];
const servers = ['https://example.org/', 'http://me:secret@h/', 'javascript:alert(1)', 'x'];

test('shareLinkOf :: names the servers of the stream and where it is on this network, and nothing that misleads', () => {
  const link = shareLinkOf({ publicKey, name: 'Küche', servers, addresses });

  const { name, from } = parseStreamLink(link);
  assert.is(name, 'Küche');
  assert.equal(from, ['https://example.org/', 'http://10.77.0.1:33125/m/']);
  assert.is(shareLinkOf({ publicKey, name: 'a\u001b[2Jb' }), `drayer://${key}/`);
});

test('shareLinkOf :: also where a stream names as many and as long servers as it can', () => {
  const long = Array.from({ length: 40 }, (_, i) => `https://${i}.example/${'p'.repeat(180)}/`);

  assert.is(parseStreamLink(shareLinkOf({ publicKey, servers: long, addresses })).from.length, 8);
});

test('shareAddressOf :: on this network, else at a server of the stream, else the link', () => {
  assert.is(shareAddressOf({ publicKey, servers, addresses }), addresses[2]);
  assert.is(
    shareAddressOf({ publicKey, servers, addresses: addresses.slice(0, 2) }),
    `https://example.org/${key}/webAccess/`,
  );
  assert.is(shareAddressOf({ publicKey, servers: servers.slice(1) }), `drayer://${key}/`);
});

test(
  'writePicture :: replaces a picture and nothing else',
  scope((t) => {
    const [fresh, other] = [t.path('code.svg'), t.path('site.stream')];
    writeFileSync(other, 'precious');

    writePicture(fresh, renderCodeSvg('one'));
    writePicture(fresh, renderCodeSvg('a "b" <c>'));

    const svg = readFileSync(fresh, 'utf8');
    assert.ok(svg.includes('aria-label="QR code: a &#34;b&#34; &#60;c&#62;"'), svg.slice(0, 200));
    assert.throws(() => writePicture(other, svg), throwsCode('USAGE'));
    assert.is(readFileSync(other, 'utf8'), 'precious');
    assert.throws(
      () => writePicture(t.path('no', 'folder.svg'), svg),
      throwsCode('STORAGE_FAILED'),
    );
  }),
);

test.run();
