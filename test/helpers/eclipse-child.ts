/**
 * Machines of a stream that somebody hides in the DHT.
 *
 *   publish PATH                       serves it on the network; takes lines `put TEXT`
 *   mirror DIRECTORY KEY POINTER HOW   keeps a mirror of which nothing has come and whose source is gone; 18
 *                                      of the 20 nodes of its DHT show that pointer. HOW is `lan` or `quiet`.
 *                                      Prints `mirrored SEQ`, `disagrees`, `looked` (all 18, twice)
 */

import { createInterface } from 'node:readline';
import { parseStreamId } from '../../src/core/stream-id.ts';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { withDht } from '../../src/daemon/dht.ts';
import { writeKept } from '../../src/daemon/kept-mirrors.ts';
import { runDaemon } from '../../src/daemon/run-daemon.ts';
import type { SignedPointer } from '../../src/discovery/dht-pointer.ts';
import { makeDataDir, mirrorPathOf } from '../../src/mirror/data-dir.ts';
import { openStream } from '../../src/store/open-stream.ts';
import type { FalseNode } from './dht-lab.ts';
import { openDhtLab } from './dht-lab.ts';
import { openSybils } from './dht-sybils.ts';

const [role, place = '', key = '', pointer = '', how] = process.argv.slice(2);
/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9';
const SYBILS = 18;
const LOOKS = 2;

if (role === 'publish') await publish();
else await mirror();

async function publish(): Promise<void> {
  const stream = openStream(place);
  await startDaemon({ streams: [{ path: place }], port: 33_125, lan: true });
  createInterface({ input: process.stdin }).on('line', (line) => {
    stream.putFile('index.html', Buffer.from(line));
  });
  console.log('serves');
}

async function mirror(): Promise<void> {
  const publicKey = parseStreamId(key);
  const lab = await openDhtLab(2);
  let sybils: readonly FalseNode[] = [];
  const onAsked = (): void => {
    if (sybils.length === 0 || sybils.some(({ asked }) => asked.length < LOOKS)) return;
    if (!isLooked) console.log('looked');
    isLooked = true;
  };
  let isLooked = false;
  sybils = await openSybils(publicKey, { count: SYBILS, pointer: readPointer(), onAsked });
  const bootstrap = [lab.bootstrap, ...sybils.map(({ port }) => `127.0.0.1:${port}`)];
  makeDataDir(place);
  const path = mirrorPathOf(publicKey, place);
  writeKept({ path, id: key, urls: [NOWHERE], isHidden: false, quota: undefined });
  const start = withDht(
    (options) =>
      runDaemon({
        ...options,
        dataDir: place,
        version: 'test',
        onMirrored: ({ generation }) => console.log(`mirrored ${generation.snapshot?.seq}`),
      }),
    { bootstrap, anyAddress: true, everyMs: 1_000, dataDir: place },
    { onDisagree: () => console.log('disagrees') },
  );
  await start({ streams: [], port: 33_125, lan: how === 'lan' });
  console.log('waits');
}

function readPointer(): SignedPointer {
  const { seq, modified, root, signature } = JSON.parse(pointer);
  return {
    seq,
    modified,
    root: Buffer.from(root, 'hex'),
    signature: Buffer.from(signature, 'hex'),
  };
}
