import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkConfig } from '../../src/config/config-schema.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { changeKeys, listKeys } from '../../src/daemon/key-lists.ts';
import { isAnybodyAllowed, pushOptionsOf } from '../../src/daemon/push-settings.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { throwsCode } from '../helpers/throws.ts';

const A = formatStreamId(KEY_A.publicKey);
const B = formatStreamId(KEY_B.publicKey);

const test = suite('daemon/push-settings');

test(
  'changeKeys :: adds and removes once, in any spelling',
  scope((t) => {
    const dataDir = t.path('data');
    const spelt = formatStreamId(KEY_A.publicKey, 'words');

    assert.equal(changeKeys(dataDir, 'allow', { key: spelt, wish: 'remove' }), {
      id: A,
      changed: false,
    });
    assert.equal(changeKeys(dataDir, 'allow', { key: spelt, wish: 'add' }), {
      id: A,
      changed: true,
    });
    assert.equal(changeKeys(dataDir, 'allow', { key: A, wish: 'add' }), { id: A, changed: false });
    assert.equal(changeKeys(dataDir, 'allow', { key: B, wish: 'add' }), { id: B, changed: true });
    assert.equal(listKeys(dataDir, 'allow'), [A, B]);
    assert.equal(changeKeys(dataDir, 'allow', { key: A, wish: 'remove' }), {
      id: A,
      changed: true,
    });
    assert.equal(listKeys(dataDir, 'allow'), [B]);
    assert.throws(
      () => changeKeys(dataDir, 'allow', { key: 'x', wish: 'add' }),
      throwsCode('STREAM_ID_INVALID'),
    );
  }),
);

test(
  'pushOptionsOf :: config and file together; the environment before the config',
  scope((t) => {
    const dataDir = t.path('data');
    assert.not(isAnybodyAllowed({}, dataDir));
    assert.ok(isAnybodyAllowed({ allow: [A] }, dataDir));

    const config = { allow: [A], token: 'config', quota: 5 };
    const options = pushOptionsOf(config, dataDir, { DRAYER_PUSH_TOKEN: 'environment' });

    assert.equal([options.token, options.quota, options.dataDir], ['environment', 5, dataDir]);
    assert.is(pushOptionsOf(config, dataDir, { DRAYER_PUSH_TOKEN: '' }).token, 'config');
    assert.is(pushOptionsOf({}, dataDir, {}).token, undefined);
    const allowed = () => [KEY_A, KEY_B].map(({ publicKey }) => options.isAllowed(publicKey));
    assert.equal(allowed(), [true, false]);
    changeKeys(dataDir, 'allow', { key: B, wish: 'add' });
    assert.equal(allowed(), [true, true]);
    assert.ok(isAnybodyAllowed({}, dataDir));
  }),
);

test('pushOptionsOf :: a key of the config that is none is named', () => {
  const wrong = (): unknown => pushOptionsOf({ allow: [A, 'no key'] }, '/nowhere', {});

  assert.throws(wrong, throwsCode('CONFIG_INVALID'));
  assert.throws(wrong, /push\.allow\[1\]/);
});

test('checkConfig :: push: what it may be, and what is said of anything else', () => {
  const push = { allow: [A], quota: 1, token: 'x', address: 'none' as const };
  assert.equal(checkConfig({ push }, 'drayer.config.ts'), { push });

  const said: readonly (readonly [unknown, RegExp])[] = [
    [{ allow: A }, /push\.allow: expected array/],
    [{ quota: 0 }, /push\.quota: expected a whole number of bytes above 0/],
    [{ address: 'ip' }, /push\.address/],
    [{ keys: [] }, /push\.keys: no such field; there are allow, quota, token, address/],
  ];
  for (const [wrong, text] of said) {
    assert.throws(() => checkConfig({ push: wrong }, 'drayer.config.ts'), text);
  }
});

test.run();
