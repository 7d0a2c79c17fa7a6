/** Who else has a stream, and who is told. */
import type { NetworkInterfaceInfo } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { findElsewhere } from '../../src/daemon/elsewhere.ts';
import type { KeptMirror } from '../../src/daemon/kept-mirrors.ts';
import type { NearbyStream } from '../../src/discovery/discovery.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';

const test = suite('daemon/elsewhere');

const { publicKey } = KEY_A;
const id = formatStreamId(publicKey);
const kept: KeptMirror = {
  path: '/m.stream',
  id,
  urls: ['http://192.0.2.7:33125/mirror/', 'https://b.example/'],
  isHidden: false,
  quota: undefined,
};
const heard: NearbyStream = {
  publicKey,
  modified: 1,
  urls: ['http://10.1.0.9:33125', 'http://10.2.0.9:33125'],
  isSigned: true,
  firstHeardMs: 0,
  lastHeardMs: 0,
};
const interfaces = () => ({ eth0: [four('10.1.0.1/24')], eth1: [four('10.2.0.1/24')] });

function four(cidr: string): NetworkInterfaceInfo {
  const [address = ''] = cidr.split('/');
  return { address, netmask: '', family: 'IPv4', mac: '', internal: false, cidr };
}

test('findElsewhere :: who runs the server says where it is; else the source of a mirror that is to come', () => {
  const both = findElsewhere({ moved: { [id]: 'https://a.example/m/' }, kept: () => [kept] });
  const alone = findElsewhere({ kept: () => [kept] });

  assert.equal(both(publicKey, '192.0.2.99').known, [
    'https://a.example/m',
    'http://192.0.2.7:33125/mirror',
    'https://b.example',
  ]);
  assert.is(alone(publicKey, undefined).known.length, 2);
  assert.equal(alone(KEY_B.publicKey, '127.0.0.1'), { known: [], heard: [] });
});

test('findElsewhere :: what is held in silence, or taken unasked, leads nobody anywhere', () => {
  const silent = findElsewhere({ kept: () => [{ ...kept, isHidden: true }] });
  const unasked = findElsewhere({ kept: () => [{ ...kept, isAuto: true }] });

  assert.equal(silent(publicKey, '127.0.0.1').known, []);
  assert.equal(unasked(publicKey, '127.0.0.1').known, []);
});

test('findElsewhere :: what was heard on a network is told to who is on it, and here', () => {
  const find = findElsewhere({ nearby: () => [heard], interfaces });

  assert.equal(find(publicKey, '127.0.0.1').heard, heard.urls);
  assert.equal(find(publicKey, '::ffff:10.1.0.20').heard, ['http://10.1.0.9:33125']);
  assert.equal(find(publicKey, '10.2.0.20').heard, ['http://10.2.0.9:33125']);
  assert.equal(find(publicKey, '203.0.113.5').heard, []);
  assert.equal(find(publicKey, undefined).heard, []);
  assert.equal(find(publicKey, '127.0.0.1').known, []);
});

test.run();
