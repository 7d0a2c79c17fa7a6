import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import type { SignedRecord } from '../../src/core/record.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { decodeLease, encodeHashes } from '../../src/wire/push-codec.ts';
import { type Running, type Shell, shell } from '../helpers/drayer.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { noise } from '../helpers/published.ts';
import { batchOf, deploy, type PushClient, problemIn, pushClient } from '../helpers/push-client.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { bytesOf, recordsIn } from '../helpers/store.ts';

const test = suite('e2e/push');

const ID = formatStreamId(KEY_A.publicKey);
const FILE = `${formatStreamId(KEY_A.publicKey, 'base32')}.stream`;

/** Not in the server's folder: there it would be at hand. */
function ownPath(t: Scope): string {
  mkdirSync(t.path('owner'), { recursive: true });
  return t.path('owner', 'own.stream');
}

/** Starts a server that takes pushes; its data folder is `data`. */
async function serving(sh: Shell, ...flags: string[]): Promise<{ port: number; running: Running }> {
  const running = sh.start('serve', '--port', '0', '--data-dir', 'data', '--json', ...flags);
  const [, port] = await running.waitFor(/"port":(\d+)/);
  return { port: Number(port), running };
}

function read(path: string): SignedRecord[] {
  if (!existsSync(path)) return [];
  const reader = openReader(path);
  try {
    return recordsIn(reader);
  } finally {
    reader.close();
  }
}

test(
  'drayer allow, drayer serve :: who is allowed pushes, also to a server that runs already',
  scope(async (t) => {
    const sh = shell(t);
    const own = t.defer(createStream(ownPath(t), { secretKey: KEY_A.secretKey }), (one) =>
      one.close(),
    );
    own.setBytes('blob', 'a', bytesOf('one'));
    const reader = t.defer(openReader(ownPath(t)), (one) => one.close());
    const batch = batchOf(reader);
    const other = await sh.run('allow', formatStreamId(KEY_B.publicKey), '--data-dir', 'data');
    assert.is(other.status, 0, other.stderr);
    const { port, running } = await serving(sh);
    const client = pushClient(port, KEY_A);
    assert.is(problemIn(await client.askLease()), '403 PUSH_NOT_ALLOWED');

    const spelt = formatStreamId(KEY_A.publicKey, 'base32');
    const allowed = await sh.run('allow', spelt, '--data-dir', 'data');
    assert.is(allowed.stdout, `may push: ${ID}\n`);
    assert.is(statSync(t.path('data', 'push-allow')).mode & 0o777, 0o600);
    assert.is(problemIn(await deploy(client, batch)), '200');

    const [line = ''] = await running.waitFor(/\{"deploy":.*\}/);
    const { deploy: said } = JSON.parse(line);
    assert.is(said.id, ID);
    assert.is(said.seq, reader.generation().snapshot?.seq);
    assert.match(said.root, /^[0-9a-f]{64}$/);
    assert.is(said.records, batch.records.length);
    assert.is(said.bytes, batch.body.length + 3);
    assert.is(said.address, '127.0.0.0');
    const removed = await sh.run('allow', '--remove', ID, '--data-dir', 'data', '--json');
    assert.equal(JSON.parse(removed.stdout).changed, true);
    assert.is(problemIn(await client.askLease()), '403 PUSH_NOT_ALLOWED');
    const listed = await sh.run('allow', '--data-dir', 'data');
    assert.is(listed.stdout, `${formatStreamId(KEY_B.publicKey)}\n`);
    assert.equal(read(t.path('data', FILE)), recordsIn(reader));
    assert.not(readdirSync(t.path('data')).some((name) => name.includes('key')));
  }),
);

test(
  'drayer allow :: what is no key, and nothing to remove',
  scope(async (t) => {
    const sh = shell(t);

    const wrong = await sh.run('allow', 'no-key', '--data-dir', 'data');
    assert.is(wrong.status, 2);
    assert.match(wrong.stderr, 'no-key');
    const none = await sh.run('allow', '--remove', '--data-dir', 'data');
    assert.is(none.status, 2);
    const absent = await sh.run('allow', '--remove', ID, '--data-dir', 'data');
    assert.is(absent.stdout, `could not push: ${ID}\n`);
    assert.not(existsSync(t.path('data')));
  }),
);

test(
  'drayer serve :: there is nothing to serve, and nobody may push: it says so and ends',
  scope(async (t) => {
    const run = await shell(t).run('serve', '--port', '0', '--data-dir', 'data');

    assert.is(run.status, 1);
    assert.match(run.stderr, 'there is nothing to serve yet');
  }),
);

/** Sends a whole deploy; `atStep` is called beside each of its requests. */
async function tryDeploy(
  client: PushClient,
  batch: ReturnType<typeof batchOf>,
  atStep: (step: number) => void,
): Promise<string> {
  try {
    atStep(0);
    await client.send('POST', 'values', encodeHashes(batch.values.map((value) => hash(value))));
    for (const [index, value] of batch.values.entries()) {
      atStep(1 + index);
      await client.put(value);
    }
    atStep(1 + batch.values.length);
    const { lease, tip } = decodeLease(new Uint8Array((await client.askLease()).body));
    atStep(2 + batch.values.length);
    return problemIn(await client.records(batch.body, lease, tip));
  } catch (error) {
    // The line broke: nothing was said.
    assert.instance(error, Error);
    return 'gone';
  }
}

test(
  'push :: the server is killed at any moment: the old generation or the new, nothing said is lost',
  scope(async (t) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const sh = shell(t);
    const own = t.defer(createStream(ownPath(t), { secretKey: KEY_A.secretKey }), (one) =>
      one.close(),
    );
    await sh.run('allow', ID, '--data-dir', 'data');
    const held = t.path('data', FILE);
    let killed = 0;

    for (let round = 0; round < scaled(4); round += 1) {
      const before = read(held);
      for (let i = 0; i < 8; i += 1) {
        own.setBytes('blob', `k${random.below(30)}`, noise(20_000, random.below(1e6)));
      }
      const batch = withReader(ownPath(t), (reader) => batchOf(reader, before));
      const after = read(ownPath(t));
      const { port, running } = await serving(sh);
      // Every other time while the batch is taken, else while it is got ready.
      const last = 2 + batch.values.length;
      const at = round % 2 === 0 ? last : random.below(last);
      const waitMs = at === last ? random.below(60) : 0;
      const said = await tryDeploy(pushClient(port, KEY_A), batch, (step) => {
        if (step === at) setTimeout(() => running.child.kill('SIGKILL'), waitMs);
      });
      await running.stop('SIGKILL');
      if (said === 'gone') killed += 1;

      const now = read(held);
      const what = `seed ${seed}, round ${round}: ${said}`;
      if (said === '200') assert.equal(now, after, what);
      else assert.ok(isSame(now, before) || isSame(now, after), what);

      const again = await serving(sh);
      const client = pushClient(again.port, KEY_A);
      // What was taken is said to be, whether or not it could be said the first time.
      const answer = isSame(now, after)
        ? await client.records(batch.body, 'no lease', before.at(-1)?.modified ?? 0)
        : await deploy(client, batch);
      assert.is(problemIn(answer), '200', what);
      assert.equal(read(held), after, what);
      await again.running.stop();
    }
    assert.ok(killed > 0, `seed ${seed}: no server was killed in the middle`);
  }),
);

function withReader<T>(path: string, use: (reader: ReturnType<typeof openReader>) => T): T {
  const reader = openReader(path);
  try {
    return use(reader);
  } finally {
    reader.close();
  }
}

function isSame(a: readonly SignedRecord[], b: readonly SignedRecord[]): boolean {
  const texts = [a, b].map((records) =>
    records.map(({ signature }) => Buffer.from(signature).toString('hex')).join(),
  );
  return texts[0] === texts[1];
}

test.run();
