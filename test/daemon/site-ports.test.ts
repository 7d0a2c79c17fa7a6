/** Ports of their own for sites that come while a server runs. */
import { copyFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { KEY_A, KEY_B, KEY_C, type TestKey } from '../helpers/keys.ts';
import { firstOwnPort } from '../helpers/own-ports.ts';
import { rawGet } from '../helpers/raw-http.ts';
import { scope } from '../helpers/scope.ts';
import { setUnchecked } from '../helpers/set-unchecked.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('daemon/site-ports');

test(
  'startDaemon :: a site that comes later gets its port at once, also where it came with wrong signatures',
  scope(async (t) => {
    const make = (name: string, key: TestKey): string =>
      makeSite(t, { 'index.html': name }, { key, name: `${name}.stream` }).path;
    const first = firstOwnPort();
    const wrong = t.path('to come.stream');
    const daemon = await startDaemon({
      streams: [{ path: make('a', KEY_A) }, { path: wrong, optional: true }],
      port: 0,
      pollMs: 5,
      operator: { dataDir: t.path('data'), sitePorts: first },
    });
    t.defer(daemon, (one) => one.close());
    const portsWhen = async (count: number): Promise<number[]> => {
      for (;;) {
        const own = daemon.served().map(({ addresses }) => new URL(addresses.at(-1) ?? '').port);
        const ports = own.map(Number).filter((port) => port !== daemon.port);
        if (ports.length === count) return ports;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const shown = async (port = 0): Promise<string> => (await rawGet(port, '/')).body.toString();
    assert.is(await shown((await portsWhen(1))[0]), 'a');

    daemon.add({ path: make('b', KEY_B) });
    assert.is(await shown((await portsWhen(2))[1]), 'b');

    const path = make('c', KEY_C);
    setUnchecked(path, { from: 'http://127.0.0.1:9', fault: 'record 2' });
    copyFileSync(path, wrong);
    const ports = await portsWhen(3);
    assert.equal((await Promise.all(ports.map(shown))).sort(), ['a', 'b', 'c']);
  }),
);

test.run();
