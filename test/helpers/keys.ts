/** The test key pairs of test/vectors/keys.json. Their private parts are published on purpose. */
import { readFileSync } from 'node:fs';

/** One of the test key pairs. */
export type TestKey = { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array };

const vectors = JSON.parse(
  readFileSync(new URL('../vectors/keys.json', import.meta.url), 'utf8'),
) as { keys: Record<'A' | 'B' | 'C', { secret_b64: string; public_b64: string }> };

/** Its base64 has both `+` and `/`. */
export const KEY_A: TestKey = testKey('A');
/** Its base64 has neither. */
export const KEY_B: TestKey = testKey('B');
/** Its base64 begins with `/`. */
export const KEY_C: TestKey = testKey('C');

function testKey(name: 'A' | 'B' | 'C'): TestKey {
  const { public_b64, secret_b64 } = vectors.keys[name];
  return {
    publicKey: new Uint8Array(Buffer.from(public_b64, 'base64')),
    secretKey: new Uint8Array(Buffer.from(secret_b64, 'base64')),
  };
}
