import { execFileSync } from 'node:child_process';
import { env, execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const MODULE = new URL('../../src/crypto/node.ts', import.meta.url).href;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Makes `require('sodium-native')` fail as it does where no binary was built. */
const WITHOUT_SODIUM = `
  const Module = require('node:module');
  const resolve = Module._resolveFilename;
  Module._resolveFilename = function (request, ...rest) {
    if (request === 'sodium-native') throw new Error('no native build was found');
    return resolve.call(this, request, ...rest);
  };`;

const test = suite('crypto/node');

test('suite :: is native by default', () => {
  assert.is(suiteOf({}), 'native works');
});

test('suite :: DRAYER_CRYPTO=portable chooses the portable one', () => {
  assert.is(suiteOf({ variables: { DRAYER_CRYPTO: 'portable' } }), 'portable works');
});

test('suite :: is portable where sodium-native cannot load', () => {
  assert.is(suiteOf({ preload: WITHOUT_SODIUM }), 'portable works');
});

/** Starts a process that signs and verifies with whatever it was given. */
function suiteOf(given: { variables?: Record<string, string>; preload?: string }): string {
  const program = `${given.preload ?? ''}
    import(${JSON.stringify(MODULE)}).then((crypto) => {
      const { publicKey, secretKey } = crypto.keyPairFromSeed(new Uint8Array(32));
      const message = crypto.hash(new Uint8Array(1));
      const ok = crypto.verify(crypto.sign(message, secretKey), message, publicKey);
      console.log(crypto.suiteInUse(), ok && crypto.isAcceptablePublicKey(publicKey) ? 'works' : 'fails');
    });`;
  const { DRAYER_CRYPTO: _, ...inherited } = env;
  return execFileSync(
    execPath,
    ['--conditions=source', '--import', 'tsx', '--input-type=commonjs', '--eval', program],
    { cwd: ROOT, encoding: 'utf8', env: { ...inherited, ...given.variables } },
  ).trim();
}

test.run();
