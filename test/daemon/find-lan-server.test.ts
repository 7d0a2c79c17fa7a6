/** Where the network finds what this machine serves, asked of its servers themselves. */
import type { NetworkInterfaceInfo } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { findLanServer } from '../../src/daemon/find-lan-server.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('daemon/find-lan-server');

function interfaces(...addresses: readonly string[]) {
  const found = addresses.map((address): NetworkInterfaceInfo => {
    const netmask = '255.255.255.0';
    return {
      ...{ address, netmask, family: 'IPv4', mac: '', internal: false },
      cidr: `${address}/24`,
    };
  });
  return () => ({ eth0: found });
}

test(
  'findLanServer :: finds a server of any process by the address that others reach it at, and only what it serves',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'page' });
    const options = { streams: [{ path }], port: 0, host: '127.0.0.2', mount: '/m' };
    const { port } = t.defer(await startDaemon(options), (one) => one.close());
    const at = { port, mount: '/m', interfaces: interfaces('127.0.0.3', '127.0.0.2') };

    const found = await findLanServer(KEY_A.publicKey, at);
    const other = await findLanServer(KEY_B.publicKey, at);
    const elsewhere = await findLanServer(KEY_A.publicKey, {
      ...at,
      interfaces: interfaces('127.0.0.3'),
    });

    const key = formatStreamId(KEY_A.publicKey, 'base64url');
    assert.is(found, `http://127.0.0.2:${port}/m/${key}/webAccess/`);
    assert.is(other, undefined);
    // What listens for this machine alone is nothing for others.
    assert.is(elsewhere, undefined);
  }),
);

test.run();
