import { isAbsolute } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePort, resolveSettings } from '../../src/config/settings.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('config/settings');

test('resolveSettings :: defaults where nobody says anything', () => {
  assert.equal(resolveSettings({}, { XDG_DATA_HOME: '/data' }, {}), {
    port: 33125,
    host: undefined,
    lan: false,
    dht: false,
    upnp: false,
    site: undefined,
    mount: undefined,
    allowHosts: [],
    cors: false,
    listStreams: true,
    dataDir: '/data/drayer',
  });
});

test('resolveSettings :: flag beats environment beats config', () => {
  const config = { port: 1, site: 'config', mount: '/c', cors: true };
  const environment = { DRAYER_PORT: '2', DRAYER_SITE: 'environment' };
  const flags = { port: 3 };

  const settings = resolveSettings(flags, environment, config);

  assert.is(settings.port, 3);
  assert.is(settings.site, 'environment');
  assert.is(settings.mount, '/c');
  assert.is(settings.cors, true);
});

test('resolveSettings :: every variable is read, an empty one counts as absent', () => {
  const settings = resolveSettings(
    {},
    {
      DRAYER_PORT: '0',
      DRAYER_HOST: '',
      DRAYER_LAN: 'yes',
      DRAYER_DHT: 'on',
      DRAYER_UPNP: 'yes',
      DRAYER_SITE: 's',
      DRAYER_MOUNT: '/m',
      DRAYER_ALLOW_HOST: 'a.example, b.example',
      DRAYER_CORS: '1',
      DRAYER_LIST_STREAMS: '0',
      DRAYER_DATA_DIR: '/d',
    },
    {},
  );

  assert.equal(settings, {
    port: 0,
    host: undefined,
    lan: true,
    dht: {},
    upnp: true,
    site: 's',
    mount: '/m',
    allowHosts: ['a.example', 'b.example'],
    cors: true,
    listStreams: false,
    dataDir: '/d',
  });
});

for (const name of [
  'https://a.example',
  'a.example:80',
  '*.a.example',
  'a b',
  'a.example.',
  'ä.b',
]) {
  test(`resolveSettings :: refuses ${name}, which no request could name`, () => {
    assert.throws(
      () => resolveSettings({ allowHosts: ['my_service', name] }, {}, {}),
      (error: Error) => error.message.includes(JSON.stringify(name)),
    );
  });
}

test('resolveSettings :: a nearer choice of host or lan replaces both of a farther one', () => {
  const overridden = resolveSettings({ host: '127.0.0.1' }, {}, { lan: true });
  assert.is(overridden.host, '127.0.0.1');
  assert.is(overridden.lan, false);

  const opened = resolveSettings({ lan: true }, { DRAYER_HOST: '10.0.0.1' }, {});
  assert.is(opened.host, undefined);
  assert.is(opened.lan, true);

  const closed = resolveSettings({}, { DRAYER_LAN: '0' }, { host: '10.0.0.1' });
  assert.is(closed.host, undefined);
  assert.is(closed.lan, false);
});

test('resolveSettings :: --host with --lan, and variables that mean nothing, are usage errors', () => {
  assert.throws(() => resolveSettings({ host: '::', lan: true }, {}, {}), throwsCode('USAGE'));
  assert.throws(() => resolveSettings({}, { DRAYER_LAN: 'maybe' }, {}), throwsCode('USAGE'));
  assert.throws(() => resolveSettings({}, { DRAYER_PORT: 'http' }, {}), throwsCode('USAGE'));
});

test('resolveSettings :: a relative XDG_DATA_HOME is ignored, as its specification asks', () => {
  const { dataDir } = resolveSettings({}, { XDG_DATA_HOME: 'data' }, {});

  assert.ok(isAbsolute(dataDir));
  assert.match(dataDir, /drayer$/);
});

test('parsePort :: takes 0 to 65535 in decimal and nothing else', () => {
  assert.is(parsePort('0', '--port'), 0);
  assert.is(parsePort('65535', '--port'), 65535);
  for (const text of ['', '65536', '-1', '1e3', '0x10', ' 80', '8080a', '999999']) {
    assert.throws(() => parsePort(text, '--port'), throwsCode('USAGE'), text);
  }
});

test('resolveSettings :: dht is on or off as the nearest says, and used as whoever says how', () => {
  const how = { bootstrap: ['192.0.2.1:6881'] };

  assert.equal(resolveSettings({ dht: true }, {}, { dht: how }).dht, how);
  assert.equal(resolveSettings({}, {}, { dht: how }).dht, how);
  assert.is(resolveSettings({}, { DRAYER_DHT: '0' }, { dht: how }).dht, false);
  assert.equal(resolveSettings({ dht: true }, {}, { dht: false }).dht, {});
});

test.run();
