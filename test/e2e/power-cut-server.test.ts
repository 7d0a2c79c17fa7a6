/**
 * A power cut at a server that takes pushes, and may have the only copy: what it has acknowledged is there
 * afterwards, and the owner's next publish goes on with it. The slow run cuts the power some 100 times.
 */
import { mkdirSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { formatSecretKey } from '../../src/store/key-file.ts';
import { plugIn, whereThereIsADisk } from '../helpers/disk-power.ts';
import { type Run, type Running, shell } from '../helpers/drayer.ts';
import { KEY_A } from '../helpers/keys.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { isSame, type Site, visible, writeVersion } from '../helpers/site-versions.ts';
import { timed } from '../helpers/some-moment.ts';

const test = suite('e2e/power-cut-server');
const testOnDisk = whereThereIsADisk(test);

const FILES = 25;
/** Of each: some come with the batch, some each by itself. */
const BYTES = [2_000, 20_000, 200_000];

testOnDisk(
  'serve :: what was acknowledged to a publisher is there after a power cut, and is gone on with (T088)',
  scope(async (t: Scope) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const disk = plugIn(t, random.pick);
    const data = disk.path('data');
    const stream = `${data}/${formatStreamId(KEY_A.publicKey, 'base32')}.stream`;
    const host = shell(t, { directory: t.path('host') });
    const owner = shell(t, { directory: t.path('owner') }).with({
      DRAYER_KEY: formatSecretKey(KEY_A.secretKey).trim(),
    });
    mkdirSync(data);
    const allowed = await host.run('allow', formatStreamId(KEY_A.publicKey), '--data-dir', data);
    assert.is(allowed.status, 0, allowed.stderr);
    const port = String(await freePort());
    const start = async (): Promise<Running> => {
      const server = host.start('serve', '--port', port, '--data-dir', data, '--json');
      await server.waitFor(/"port":\d+/);
      return server;
    };
    const to = `http://127.0.0.1:${port}`;
    const args = ['publish', t.path('owner', 'site'), '--to', to] as const;

    let server = await start();
    let current: Site | undefined;
    let lengthMs = 500;
    const hits = { refused: 0, acknowledged: 0, none: 0, old: 0, new: 0 };
    for (let v = 0; v < scaled(3); v += 1) {
      const next = writeVersion(t.path('owner', 'site'), v, FILES, random.pick(BYTES));
      const unused = v === 0 ? ['--unused-key'] : [];
      const push = owner.start(...args, ...unused);
      const before = await atMost(push.ended, random.oneIn(3) ? Infinity : random.below(lengthMs));
      disk.cut(server.child, () => undefined);
      const { status, stderr } = await push.ended;
      hits[status === 0 ? 'acknowledged' : 'refused'] += 1;

      const found = visible(stream);
      const isNew = isSame(found, next);
      assert.ok(isNew || status !== 0, `seed ${seed}, ${v}: acknowledged, and gone: ${before}`);
      assert.ok(isNew || isSame(found, current), `seed ${seed}, ${v}: a mixture`);
      assert.ok([0, 1, 3, 7].includes(status), `seed ${seed}, ${v}: ${status} ${stderr}`);
      if (found === undefined) hits.none += 1;
      else hits[isNew ? 'new' : 'old'] += 1;

      server = await start();
      let again: Run = { status: -1, stdout: '', stderr: '' };
      const took = await timed(async () => {
        again = await owner.run(...args, ...unused);
      });
      assert.is(again.status, 0, `seed ${seed}, ${v}: ${again.stderr}`);
      assert.ok(isSame(visible(stream), next), `seed ${seed}, ${v}`);
      if (status !== 0) lengthMs = took;
      current = next;
    }
    const { status, stdout } = await host.run('verify', stream, '--json');
    assert.is(status, 0, stdout);
    assert.is(JSON.parse(stdout).snapshot, 'proved');
    await server.stop();
    console.log(`\n  server, seed ${seed}: ${JSON.stringify(hits)}`);
  }),
);

/** A port that nobody listens on: the server has it again and again. */
function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function atMost(ended: Promise<Run>, ms: number): Promise<'ended' | 'now'> {
  if (ms === Infinity) return ended.then(() => 'ended');
  let timer: NodeJS.Timeout | undefined;
  const now = new Promise<'now'>((resolve) => {
    timer = setTimeout(() => resolve('now'), ms);
  });
  const first = await Promise.race([ended.then(() => 'ended' as const), now]);
  clearTimeout(timer);
  return first;
}

test.run();
