import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkConfig } from '../../src/config/config-schema.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('config/serve-config');

const check = (serve: unknown): unknown => checkConfig({ serve }, 'drayer.config.ts');

test('checkConfig :: serve: all that an operator may ask for', () => {
  const serve = {
    accessLog: 'json',
    logAddress: 'none',
    metricsPort: 0,
    behindProxy: ['127.0.0.1', '10.0.0.0/8'],
    tls: { cert: 'a.pem', key: 'b.pem' },
    sitePorts: 33_201,
    temporaryBytes: 1_000_000_000,
    redirect: false,
    domains: { 'blog.example.net': 'site' },
    sitesDomains: ['sites.example.net'],
  };

  assert.equal(check(serve), { serve });
  assert.equal(check({}), { serve: {} });
});

const wrong: readonly (readonly [unknown, RegExp])[] = [
  [{ acesLog: 'json' }, /serve\.acesLog: no such field; there are accessLog, /],
  [{ accessLog: 'xml' }, /serve\.accessLog: expected /],
  [{ metricsPort: -1 }, /serve\.metricsPort: expected an integer from 0 to 65535, got -1/],
  [{ sitePorts: 0 }, /serve\.sitePorts: expected an integer from 1 to 65535, got 0/],
  [{ domains: { 'a b': 'site' } }, /expected a host name without port or scheme, got "a b"/],
  [{ sitesDomains: ['https://a'] }, /serve\.sitesDomains\[0\]: expected a host name/],
  [{ temporaryBytes: 5 }, /serve\.temporaryBytes: /],
  [{ tls: { cert: 'a.pem' } }, /serve\.tls\.key: expected string, got nothing/],
  [{ behindProxy: '127.0.0.1' }, /serve\.behindProxy: expected array, got string/],
  [5, /serve: expected object, got number/],
];

for (const [serve, said] of wrong) {
  test(`checkConfig :: serve: ${JSON.stringify(serve)} is refused by name`, () => {
    assert.throws(() => check(serve), throwsCode('CONFIG_INVALID'));
    assert.throws(() => check(serve), said);
  });
}

test.run();
