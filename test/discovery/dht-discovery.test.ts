/** The DHT as a daemon uses it, against twenty nodes of the library on loopback. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DhtDiscovery, type DhtOptions } from '../../src/discovery/dht-discovery.ts';
import { type SignedPointer, signPointer } from '../../src/discovery/dht-pointer.ts';
import { openDhtLab } from '../helpers/dht-lab.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('discovery/dht-discovery');
const { publicKey, secretKey } = KEY_A;
const pointer = signPointer(
  { seq: 3, modified: 1_763_900_000_000_000, root: new Uint8Array(32).fill(1) },
  secretKey,
);

function start(t: Scope, options: DhtOptions): DhtDiscovery {
  const dht = new DhtDiscovery({ host: '127.0.0.1', anyAddress: true, ...options });
  t.defer(dht, (one) => one.stop());
  dht.open();
  return dht;
}

test(
  'DhtDiscovery :: finds who has announced a stream, and what its key has signed (§11)',
  scope(async (t) => {
    const lab = t.defer(await openDhtLab(20), (one) => one.close());
    const bootstrap = [lab.bootstrap];
    const publisher = start(t, { bootstrap });
    publisher.put({ publicKey, port: 33_125, pointer });
    await until(() => publisher.known(publicKey).replies !== undefined);
    const found = told<void>();
    const signed = told<SignedPointer>();

    const onPointer = (_: Uint8Array, one: SignedPointer): void => signed.tell(one);
    const mirror = start(t, { bootstrap, onPeers: () => found.tell(), onPointer });
    mirror.put({ publicKey, port: 0 });
    await found.heard;

    assert.equal(mirror.peersOf(publicKey), ['http://127.0.0.1:33125']);
    assert.equal(await signed.heard, pointer);
    assert.is(mirror.known(publicKey).disagrees, false);
  }),
);

function told<T>(): { readonly heard: Promise<T>; readonly tell: (value: T) => void } {
  let tell: (value: T) => void = () => {};
  const heard = new Promise<T>((resolve) => {
    tell = resolve;
  });
  return { heard, tell };
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 20));
}

test.run();
