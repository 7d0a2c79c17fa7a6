/** `--spa` and `--listing`, from flag and config to the answer. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type OperatorFlags, operatorOptions } from '../../src/cli/operator-flags.ts';
import { checkConfig } from '../../src/config/config-schema.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { KEY_A } from '../helpers/keys.ts';
import { rawGet } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('daemon/site-options');

const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}/webAccess`;

async function statuses(t: Scope, flags: OperatorFlags, config: unknown): Promise<number[]> {
  const { serve } = checkConfig(config, 'drayer.config.ts');
  const dataDir = t.path('data');
  const operator = await operatorOptions(flags, { config: serve, dataDir, sources: [] });
  const { path } = makeSite(t, { 'index.html': 'app', 'pub/a.txt': 'a' });
  const daemon = await startDaemon({ port: 0, streams: [{ path }], operator });
  t.defer(daemon, (one) => one.close());
  const ask = async (rest: string): Promise<number> =>
    (await rawGet(daemon.port, base + rest)).status;
  return [await ask('/users/1'), await ask('/pub/'), await ask('/missing.js')];
}

const cases: readonly (readonly [string, OperatorFlags, unknown, readonly number[]])[] = [
  ['nothing', {}, {}, [404, 404, 404]],
  ['--spa', { spa: true }, {}, [200, 200, 404]],
  ['--listing', { listing: true }, {}, [404, 200, 404]],
  ['serve.spa', {}, { serve: { spa: true } }, [200, 200, 404]],
  ['serve.listing', {}, { serve: { listing: true } }, [404, 200, 404]],
];

for (const [name, flags, config, expected] of cases) {
  test(
    `operatorOptions :: ${name} gives ${expected}`,
    scope(async (t) => {
      assert.equal(await statuses(t, flags, config), expected);
    }),
  );
}

test.run();
