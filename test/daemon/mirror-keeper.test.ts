/** The mirrors of a daemon when orders, faults and hostile sources meet: nothing stuck, nothing left over. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type KeeperOptions, MirrorKeeper } from '../../src/daemon/mirror-keeper.ts';
import { mirrorPathOf } from '../../src/mirror/data-dir.ts';
import { noise, type Published, publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { scriptedPeer, send } from '../helpers/scripted-peer.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode } from '../helpers/throws.ts';
import { makeWaiting } from '../helpers/waiting.ts';

const test = suite('daemon/mirror-keeper');

const NEVER = 3_600_000;
const LATE_MS = 20_000;

/** What a keeper told, and how to wait for it. */
type Rig = {
  readonly keeper: MirrorKeeper;
  readonly dataDir: string;
  readonly told: string[];
  until(what: string, isTrue?: () => boolean): Promise<void>;
};

function keep(t: Scope, options: Partial<KeeperOptions> = {}): Rig {
  const dataDir = options.dataDir ?? t.path('data');
  mkdirSync(dataDir, { recursive: true });
  const told: string[] = [];
  const waiting = makeWaiting(told, LATE_MS);
  const tell = (what: string): void => {
    told.push(what);
    waiting.wake();
  };
  const keeper = new MirrorKeeper({
    pollMs: 50,
    onProblem: (_, { code }) => tell(code),
    onError: (error) => tell(String(error)),
    ...options,
    dataDir,
    onMirrored: (report) => {
      tell(`generation ${report.generation.snapshot?.seq}`);
      options.onMirrored?.(report);
    },
  });
  t.defer(keeper, (one) => one.close());
  const until = (what: string, isTrue = () => told.includes(what)): Promise<void> =>
    waiting.until(what, isTrue);
  return { keeper, dataDir, told, until };
}

function context(): { readonly signal: AbortSignal } {
  return { signal: new AbortController().signal };
}

async function publishOne(t: Scope): Promise<Published> {
  const source = await publish(t);
  source.stream.set('apple', { seq: 1 });
  return source;
}

/** Holds every answer with values back, once it is told to; resolves when somebody waits for one. */
function holdPages({ peer }: Published): Promise<void> {
  return new Promise((resolve) => {
    peer.tamper((path, _, response) => {
      if (!path.includes('newRecords')) return false;
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.flushHeaders();
      resolve();
      return true;
    });
  });
}

test(
  'remove :: does not wait for what is being fetched, and leaves nothing of it',
  scope(async (t) => {
    const source = await publishOne(t);
    const { keeper, dataDir } = keep(t);
    const { id, publicKey } = source.stream;
    const held = holdPages(source);
    const order = keeper.mirror({ id, url: source.peer.url }, context());
    const failed = rejectsCode(order, 'CONFLICT');
    await held;

    await keeper.remove(id, () => undefined);

    await failed;
    assert.equal(keeper.list(), []);
    assert.equal(existsSync(mirrorPathOf(publicKey, dataDir)), false);
    assert.equal(readdirSync(dataDir), []);
    source.peer.tamper(undefined);
    const { report } = await keeper.mirror({ id, url: source.peer.url }, context());
    assert.is(report.generation.snapshot?.seq, 1);
  }),
);

test(
  'a mirror :: whose file is removed under it comes back without anybody saying anything',
  scope(async (t) => {
    const source = await publishOne(t);
    const { keeper, dataDir, told, until } = keep(t);
    const { id, publicKey } = source.stream;
    await keeper.mirror({ id, url: source.peer.url }, context());
    await until('generation 1');
    const path = mirrorPathOf(publicKey, dataDir);

    rmSync(path);

    const isBack = (): boolean => told.filter((one) => one === 'generation 1').length > 1;
    await until('generation 1 again', isBack);
    assert.equal(streamRows(path), streamRows(source.path));
  }),
);

test(
  'close :: in the middle of an order nobody is followed again',
  scope(async (t) => {
    const source = await publishOne(t);
    const { keeper } = keep(t);
    const { id } = source.stream;
    await keeper.mirror({ id, url: source.peer.url }, context());
    const stop = new AbortController();
    source.stream.set('apple', { seq: 2 });
    const held = holdPages(source);
    const order = keeper.mirror({ id }, { signal: stop.signal });
    const failed = rejectsCode(order, 'ABORTED');
    await held;

    stop.abort();
    await keeper.close();
    await failed;
    source.peer.requests.length = 0;
    await new Promise((resolve) => setTimeout(resolve, 500));

    assert.equal(source.peer.requests, []);
    assert.equal(
      keeper.list().map(({ isFollowing }) => isFollowing),
      [false],
    );
  }),
);

test(
  'add :: a fault of this program stops a mirror for a while, not for ever',
  scope(async (t) => {
    const source = await publishOne(t);
    let isFaulty = true;
    const { keeper, until, told } = keep(t, {
      againMs: 50,
      onMirrored: ({ generation }) => {
        if (generation.snapshot?.seq !== 2 || !isFaulty) return;
        isFaulty = false;
        throw new TypeError('a fault of this program');
      },
    });
    await keeper.mirror({ id: source.stream.id, url: source.peer.url }, context());

    source.stream.set('apple', { seq: 2 });
    await until('TypeError: a fault of this program');
    source.stream.set('apple', { seq: 3 });
    await until('generation 3');

    assert.is(told.filter((one) => one.startsWith('TypeError')).length, 1);
    assert.is(keeper.list()[0]?.isFollowing, true);
  }),
);

test(
  'list :: says when a source was last heard, also where it has had nothing new since a restart',
  scope(async (t) => {
    const source = await publishOne(t);
    const first = keep(t);
    const { kept } = await first.keeper.mirror(
      { id: source.stream.id, url: source.peer.url },
      context(),
    );
    await first.keeper.close();
    const { keeper } = keep(t);

    const before = Date.now();
    keeper.add(kept);
    const late = before + LATE_MS;
    while (keeper.list()[0]?.seenMs === undefined && Date.now() < late) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }

    assert.ok((keeper.list()[0]?.seenMs ?? 0) >= before);
  }),
);

test(
  'quota :: a source that sends too much is not a quota: it is asked again, and nothing staged is lost',
  scope(async (t) => {
    const source = await publishOne(t);
    const { keeper, until, dataDir } = keep(t, { overQuotaMs: NEVER });
    const { id, publicKey } = source.stream;
    const quota = { bytes: 10_000_000 };
    await keeper.mirror({ id, url: source.peer.url, quota }, context());
    source.peer.tamper((path, answer) => {
      if (path.includes('newRecords')) answer.headers['content-length'] = '9000000000';
      return false;
    });

    source.stream.set('apple', { seq: 2 });
    await until('TOO_LARGE');
    source.peer.tamper(undefined);
    await until('generation 2');

    assert.equal(streamRows(mirrorPathOf(publicKey, dataDir)), streamRows(source.path));
  }),
);

test(
  'quota :: a second source that is older does not hide that the mirror is over its quota',
  scope(async (t) => {
    const source = await publishOne(t);
    // Answers each question as it did the first time.
    const answers = new Map<string, Buffer>();
    const old = await scriptedPeer(t, async (path, response) => {
      if (path.endsWith('/events')) return send(response, 'no', 404);
      const answer = await fetch(`http://127.0.0.1:${source.port}${path}`);
      const body = answers.get(path) ?? Buffer.from(await answer.arrayBuffer());
      answers.set(path, body);
      return send(response, body, answer.status);
    });
    const { keeper, until, dataDir } = keep(t, { overQuotaMs: NEVER });
    const { id } = source.stream;
    const order = { id, url: source.peer.url, from: [old.url], quota: { bytes: 100_000 } };
    await keeper.mirror(order, context());

    source.stream.set('large', noise(200_000));
    await until('TOO_LARGE');
    await until('rest', () => keeper.list().every(({ isFollowing }) => !isFollowing));

    const [kept] = keeper.list();
    assert.is(kept?.problem?.code, 'TOO_LARGE');
    assert.equal(
      readdirSync(dataDir).filter((name) => name.includes('.part')),
      [],
    );
    const { report } = await keeper.mirror({ id, quota: {} }, context());
    assert.is(report.generation.snapshot?.seq, 2);
  }),
);

test.run();
