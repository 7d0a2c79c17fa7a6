import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clientOf, parseProxies } from '../../src/server/client.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('server/client');

/** A request as it comes from `peer`. */
function requestFrom(peer: string, headers: Readonly<Record<string, string>>): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: peer });
  const request = new IncomingMessage(socket);
  Object.assign(request.headers, headers);
  return request;
}

const proxies = parseProxies(['127.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8']);

// Peer, X-Forwarded-For, the client.
const chains: readonly (readonly [string, string, string])[] = [
  ['127.0.0.1', '203.0.113.9', '203.0.113.9'],
  ['::1', '2001:db8::7', '2001:db8::7'],
  ['::ffff:127.0.0.1', '203.0.113.9', '203.0.113.9'],
  ['fd12::1', '203.0.113.9', '203.0.113.9'],
  // What stands before the last one we do not trust is of the client's own making.
  ['127.0.0.1', '1.2.3.4, 203.0.113.9', '203.0.113.9'],
  ['127.0.0.1', '1.2.3.4,203.0.113.9 , 10.1.2.3', '203.0.113.9'],
  ['127.0.0.1', 'evil, 203.0.113.9', '203.0.113.9'],
  ['127.0.0.1', '203.0.113.9, "<script>"', '127.0.0.1'],
  ['127.0.0.1', '', '127.0.0.1'],
  ['127.0.0.1', 'unknown', '127.0.0.1'],
  ['127.0.0.1', '10.9.9.9', '10.9.9.9'],
  ['127.0.0.1', '203.0.113.9:4711', '203.0.113.9'],
  ['127.0.0.1', '[2001:db8::7]:4711', '2001:db8::7'],
  // Nobody else is believed.
  ['203.0.113.1', '127.0.0.1', '203.0.113.1'],
  ['11.0.0.1', '1.2.3.4', '11.0.0.1'],
];

for (const [peer, forwarded, client] of chains) {
  test(`clientOf :: ${peer} that says ${JSON.stringify(forwarded)} is ${client} (T069)`, () => {
    const request = requestFrom(peer, { 'x-forwarded-for': forwarded });

    assert.is(clientOf(request, proxies).address, client);
    assert.is(clientOf(request, undefined).address, peer);
  });
}

test('clientOf :: the scheme is the last that a trusted proxy says', () => {
  const headers = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'http, HTTPS' };

  assert.is(clientOf(requestFrom('10.0.0.1', headers), proxies).isSecure, true);
  assert.is(clientOf(requestFrom('9.0.0.1', headers), proxies).isSecure, false);
  assert.is(clientOf(requestFrom('10.0.0.1', headers), undefined).isSecure, false);
  const plain = { ...headers, 'x-forwarded-proto': 'https, http' };
  assert.is(clientOf(requestFrom('10.0.0.1', plain), proxies).isSecure, false);
});

test('parseProxies :: what is no address or network is refused by name', () => {
  for (const text of [
    '',
    'proxy.example',
    '10.0.0.0/33',
    '10.0.0.0/x',
    '::/129',
    '10.0.0/8',
    '1.2.3.4/8/8',
    '*',
  ]) {
    assert.throws(() => parseProxies([text]), throwsCode('USAGE'), text);
  }
  assert.is(parseProxies(['0.0.0.0/0']).has('203.0.113.9'), true);
  assert.is(parseProxies(['0.0.0.0/0']).has('::1'), false);
});

test.run();
