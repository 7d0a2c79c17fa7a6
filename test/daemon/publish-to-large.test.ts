import { cpSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { publishTo } from '../../src/daemon/publish-to.ts';
import { publishDirectory } from '../../src/publish/publisher.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { KEY_A } from '../helpers/keys.ts';
import { proxyPeer } from '../helpers/proxy-peer.ts';
import { primary } from '../helpers/push-primary.ts';
import { randomFrom, scaled } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('daemon/publish-to-large');

/** Ten thousand in the slow run. */
const FILES = Math.min(10_000, scaled(1000));
const WORDS = 'lorem ipsum dolor sit amet consectetur adipiscing elit sed do'.split(' ');

function page(seed: number): string {
  const random = randomFrom(seed);
  const words = Array.from({ length: 600 }, () => random.pick(WORDS));
  return `<h1>${seed}</h1><p>${words.join(' ')}</p>`;
}

test(
  'publishTo :: three changed files of many, in a fresh checkout without a stream file, move little',
  scope(async (t) => {
    const dist = t.path('one', 'dist');
    for (let i = 0; i < FILES; i += 1) {
      const path = join(dist, `${i % 100}`, `${i}.html`);
      if (i < 100) mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, page(i));
    }
    const server = await primary(t);
    mkdirSync(dirname(server.path), { recursive: true });
    const stream = createStream(server.path, { secretKey: KEY_A.secretKey });
    await publishDirectory(dist, stream);
    stream.close();
    server.streams.add({ path: server.path });
    const runner = t.path('two', 'dist');
    cpSync(dist, runner, { recursive: true });
    const changed = [5, 77, FILES - 1].map((i) => `${i % 100}/${i}.html`);
    for (const key of changed) writeFileSync(join(runner, key), page(FILES + key.length));
    let metadataBytes = 0;
    const line = await proxyPeer(t, server.port);
    line.tamper((_, { body }) => {
      metadataBytes += body.length;
      return undefined;
    });
    const site = { directory: runner, secretKey: KEY_A.secretKey };

    const look = { dataDir: t.path('look'), dryRun: true };
    await publishTo({ ...site, to: line.url }, look);
    const startMs = performance.now();
    const { report, push } = await publishTo({ ...site, to: server.url }, { dataDir: t.path('d') });
    const ms = performance.now() - startMs;

    assert.equal([...report.changed].sort(), [...changed].sort());
    assert.is(report.unchanged, FILES - 3);
    assert.is(push.uploaded, 3);
    // The records of the batch are metadata: three files, the snapshot, and the links between.
    const metadata = 16 * 1024;
    assert.ok(push.sentBytes < 1.5 * report.bytesStored + metadata, `${push.sentBytes} bytes`);
    // Of each file that is there the record and its first bytes, never the value.
    assert.ok(metadataBytes < FILES * 700, `${metadataBytes} bytes`);
    assert.ok(metadataBytes < statSync(server.path).size / 2);
    console.log(`${FILES} files, 3 changed: ${Math.round(ms)} ms, ${push.sentBytes} bytes sent`);
  }),
);

test.run();
