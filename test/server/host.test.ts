import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { type HostPolicy, placeOf } from '../../src/server/host.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';

const test = suite('server/host');

const labelA = formatStreamId(KEY_A.publicKey, 'base32');
const policy: HostPolicy = {
  names: new Set(['nas', 'nas.local', 'tool.example.net']),
  domains: new Map([['blog.example.net', KEY_B.publicKey]]),
};

const shared = [
  'localhost',
  'LOCALHOST:33125',
  '127.0.0.1:33125',
  '192.168.1.7:80',
  '8.8.8.8',
  '[::1]:33125',
  '[fe80::1]',
  'nas:33125',
  'Nas.Local',
  'tool.example.net:65535',
];

for (const host of shared) {
  test(`placeOf :: ${host} is this machine`, () => {
    assert.equal(placeOf(['Accept', '*/*', 'hOST', host], undefined, policy), {
      kind: 'shared',
      host,
    });
  });
}

const refused = [
  'evil.com',
  'evil.com@127.0.0.1',
  'user:pass@localhost',
  '127.0.0.1.evil.com',
  '127.0.0.1.nip.io',
  'localhost.',
  'localhost.evil.com',
  'evil.localhost',
  `${labelA}.localhost.`,
  `x.${labelA}.localhost`,
  `${labelA}x.localhost`,
  `${labelA}.drayer.localhost`,
  `${labelA.slice(0, 51)}.localhost`,
  `${'a'.repeat(52)}.localhost`,
  '2130706433',
  '0177.0.0.1',
  '0x7f.1',
  '127.1',
  '[::1',
  '::1',
  '[::ffff:1.2.3.4.5]',
  '[::1%25eth0]',
  'localhost:port',
  'localhost:1234567',
  'localhost/evil',
  'localhost, evil.com',
  'a b',
  '',
];

for (const host of refused) {
  test(`placeOf :: ${JSON.stringify(host)} is refused with a reason`, () => {
    const place = placeOf(['Host', host], undefined, policy);

    assert.is(place.kind, 'refused');
    assert.ok(place.kind === 'refused' && place.reason.startsWith('refused Host "'));
  });
}

test('placeOf :: a label with spare bits set is not a second name of the site', () => {
  // 52 characters hold 260 bits: the last one's lowest four must be zero.
  const aliases = [...'abcdefghijklmnopqrstuvwxyz234567']
    .map((last) => labelA.slice(0, 51) + last)
    .filter((label) => label !== labelA);

  const kinds = aliases.map((label) => placeOf(['Host', `${label}.localhost`], undefined, policy));

  // The other value of the last character's top bit is another key, which may be a good one.
  const own = kinds.filter((place) => place.kind === 'site');
  assert.ok(own.length <= 1);
  assert.ok(
    own.every((place) => place.kind === 'site' && place.publicKey[31] !== KEY_A.publicKey[31]),
  );
});

test('placeOf :: a name of its own decides for its site', () => {
  const own = placeOf(['Host', `${labelA.toUpperCase()}.LocalHost:33125`], undefined, policy);
  const domain = placeOf(['Host', 'Blog.Example.net'], undefined, policy);

  assert.ok(own.kind === 'site' && !own.shared);
  assert.equal(own.kind === 'site' && own.publicKey, KEY_A.publicKey);
  assert.equal(domain.kind === 'site' && domain.publicKey, KEY_B.publicKey);
});

test('placeOf :: with one site at / the names of the machine are the site', () => {
  const withSite = { ...policy, site: KEY_A.publicKey };

  const machine = placeOf(['Host', '127.0.0.1:1'], undefined, withSite);
  const domain = placeOf(['Host', 'blog.example.net'], undefined, withSite);
  const unknown = placeOf(['Host', 'evil.com'], undefined, withSite);

  assert.ok(machine.kind === 'site' && machine.shared);
  assert.equal(domain.kind === 'site' && domain.publicKey, KEY_B.publicKey);
  assert.is(unknown.kind, 'refused');
});

test('placeOf :: no Host, two Hosts and an authority that disagrees are refused', () => {
  const none = placeOf(['Accept', 'Host'], undefined, policy);
  const two = placeOf(['Host', 'localhost', 'HOST', 'localhost'], undefined, policy);
  const other = placeOf(['Host', 'localhost'], 'evil.com', policy);
  const same = placeOf(['Host', 'localhost:1'], 'LOCALHOST:1', policy);

  assert.equal(none, { kind: 'refused', reason: 'refused a request without Host' });
  assert.equal(two, { kind: 'refused', reason: 'refused a request with 2 Hosts' });
  assert.is(other.kind, 'refused');
  assert.is(same.kind, 'shared');
});

test('placeOf :: the reason names --allow-host and carries no control characters', () => {
  const named = placeOf(['Host', 'evil.com'], undefined, policy);
  const hostile = placeOf(['Host', 'a\x1b[31mb\u202e'], undefined, policy);

  assert.ok(named.kind === 'refused' && named.reason.includes('--allow-host evil.com'));
  assert.ok(hostile.kind === 'refused' && /^[ -~]*$/.test(hostile.reason));
});

test.run();
