import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isPlainOperator, operatorOptions } from '../../src/cli/operator-flags.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { KEY_A } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { makeSite } from '../helpers/site.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('cli/operator-flags');

const around = { config: undefined, dataDir: '/data', sources: [] };

test('operatorOptions :: a flag wins over the config', async () => {
  const config = {
    accessLog: 'common',
    metricsPort: 1,
    redirect: false,
    behindProxy: ['::1'],
  } as const;

  const options = await operatorOptions(
    { accessLog: 'json', redirect: true },
    { ...around, config },
  );

  assert.is(options.accessLog, 'json');
  assert.is(options.metricsPort, 1);
  assert.equal(options.behindProxy, ['::1']);
  // Commander says true where nobody said --no-redirect.
  assert.is(options.redirects, false);
});

test(
  'operatorOptions :: domains by the name of a stream, or by an id that is still to come',
  scope(async (t) => {
    const sources = [{ path: makeSite(t, { a: '1' }).path, name: 'mine' }];
    const id = formatStreamId(KEY_A.publicKey, 'base64url');

    const named = await operatorOptions({ domain: ['a.example=mine'] }, { ...around, sources });
    const byId = await operatorOptions({ domain: [`b.example=${id}`] }, around);

    assert.equal(named.domains, { 'a.example': KEY_A.publicKey });
    assert.equal(byId.domains, { 'b.example': KEY_A.publicKey });
  }),
);

test(
  'operatorOptions :: names on the network, of the only stream or of one by its name; what is no name is refused',
  scope(async (t) => {
    const sources = [{ path: makeSite(t, { a: '1' }).path, name: 'mine' }];

    const only = await operatorOptions({ name: ['Blog'] }, { ...around, sources });
    const named = await operatorOptions({ name: ['blog=mine'] }, { ...around, sources });

    assert.equal(only.names, { blog: KEY_A.publicKey });
    assert.equal(named.names, { blog: KEY_A.publicKey });
    await rejectsCode(operatorOptions({ name: ['blog'] }, around), 'USAGE');
    await rejectsCode(operatorOptions({ name: ['a.b=mine'] }, { ...around, sources }), 'USAGE');
  }),
);

test('operatorOptions :: half a certificate, no name, no stream and port 0 are refused', async () => {
  await rejectsCode(operatorOptions({ tlsCert: 'a' }, around), 'USAGE');
  await rejectsCode(operatorOptions({ tlsKey: 'a' }, around), 'USAGE');
  await rejectsCode(operatorOptions({ domain: ['mine'] }, around), 'USAGE');
  await rejectsCode(operatorOptions({ domain: ['a.example=none'] }, around), 'STREAM_NOT_FOUND');
  await rejectsCode(operatorOptions({ sitePorts: 0 }, around), 'USAGE');
});

test('isPlainOperator :: nothing asked for, also where commander has made a default', () => {
  assert.ok(isPlainOperator({}));
  assert.ok(isPlainOperator({ redirect: true }));
  assert.not(isPlainOperator({ redirect: false }));
  assert.not(isPlainOperator({ metricsPort: 0 }));
});

test.run();
