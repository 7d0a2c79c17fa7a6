/** Several processes serve one database: each shows the newest generation, none is missed when it ends. */
import { readdirSync, readlinkSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { type DaemonOptions, startDaemon } from '../../src/daemon/daemon.ts';
import type { KeptMirror } from '../../src/daemon/kept-mirrors.ts';
import { KEY_B, type TestKey } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { setUnchecked } from '../helpers/set-unchecked.ts';
import { makeSite, putFiles } from '../helpers/site.ts';
import { rejectsCode } from '../helpers/throws.ts';
import { type Answer, clients, serve, until } from '../helpers/worker-daemon.ts';

const test = suite('daemon/workers');

/** Whether each client is answered so, asked for the site of a key. */
function askAll(
  asks: readonly ((path: string) => Promise<Answer>)[],
  { publicKey }: TestKey,
): (status: number) => Promise<boolean> {
  const page = `/${formatStreamId(publicKey, 'base64url')}/webAccess/`;
  return async (status) => {
    const answers = await Promise.all(asks.map((ask) => ask(page)));
    return answers.every((answer) => answer.status === status);
  };
}

function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((fd) => readlinkSync(`${folder}/${fd}`).startsWith('socket:'))
    .length;
}

test(
  'startDaemon :: all processes answer, and each shows a generation as soon as it is committed',
  scope(async (t) => {
    const { path, stream } = makeSite(t, { 'index.html': 'generation 0' });
    const daemon = await serve(t, path);
    const before = daemon.workers().map(socketsOf);
    const asks = clients(t, daemon.port);

    for (let n = 1; n <= 10; n += 1) {
      putFiles(stream, { 'index.html': `generation ${n}` });
      const answers = await Promise.all(asks.map((ask) => ask('/')));
      const others = answers.filter(({ body }) => body !== `generation ${n}`);
      assert.equal(others, []);
    }

    const more = daemon.workers().map((pid, at) => socketsOf(pid) - (before[at] ?? 0));
    assert.ok(more.reduce((sum, one) => sum + one, 0) > 0, `${more} connections`);
  }),
);

test(
  'startDaemon :: signatures that are still to be checked are by the first process, and every one gives it then',
  scope(async (t) => {
    const { path, stream } = makeSite(t, { 'index.html': 'checked?' });
    stream.close();
    setUnchecked(path, { from: 'http://127.0.0.1:9', fault: 'record 2' });
    const daemon = await serve(t, path, { onError: () => {} });
    const asks = clients(t, daemon.port);
    const askRecords = () =>
      Promise.all(asks.map((ask) => ask('/.well-known/drayer/newRecords/0')));
    assert.ok((await askRecords()).every(({ status }) => status === 503));

    setUnchecked(path, { from: 'http://127.0.0.1:9' });

    await until(async () => (await askRecords()).every(({ status }) => status === 200));
  }),
);

test(
  'startDaemon :: one that is killed is begun again; the others answer meanwhile',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'page' });
    const errors: string[] = [];
    const onError = (error: unknown): void => void errors.push(String(error));
    const daemon = await serve(t, path, { workers: 3, onError });
    const [victim = 0, other = 0] = daemon.workers();

    process.kill(victim, 'SIGKILL');
    await until(() => !daemon.workers().includes(victim));
    const answers = await Promise.all(clients(t, daemon.port).map((ask) => ask('/')));
    await until(() => daemon.workers().length === 2);

    assert.ok(answers.every(({ body }) => body === 'page'));
    assert.ok(daemon.workers().includes(other));
    assert.match(errors.join('\n'), new RegExp(`process ${victim} that served has ended .SIGKILL`));
    const again = await Promise.all(clients(t, daemon.port).map((ask) => ask('/')));
    assert.ok(again.every(({ status }) => status === 200));
  }),
);

test(
  'startDaemon :: one that cannot be begun is tried again, and keeps nothing from ending',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'page' });
    const { execPath } = process;
    t.defer(execPath, (one) => {
      process.execPath = one;
    });
    const errors: string[] = [];
    const onError = (error: unknown): void => void errors.push(String(error));
    const daemon = await serve(t, path, { onError });
    const [victim = 0] = daemon.workers();

    process.execPath = t.path('nowhere');
    process.kill(victim, 'SIGKILL');
    await until(() => errors.some((error) => error.includes('ENOENT')));
    assert.equal(daemon.workers(), []);
    process.execPath = execPath;
    await until(() => daemon.workers().length === 1);

    process.execPath = t.path('nowhere');
    process.kill(daemon.workers()[0] ?? 0, 'SIGKILL');
    await until(() => errors.filter((error) => error.includes('ENOENT')).length > 1);
    await daemon.close();
  }),
);

test(
  'add, remove :: every process serves what comes, and no longer what goes',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'page' });
    const other = makeSite(t, { 'index.html': 'other' }, { key: KEY_B, name: 'other.stream' });
    const daemon = await serve(t, path);
    const all = askAll(clients(t, daemon.port), KEY_B);
    assert.ok(await all(404));

    daemon.add({ path: other.path });
    await until(() => all(200));
    daemon.remove(other.path);
    await until(() => all(404));
  }),
);

test(
  'kept :: every process leads people on to where a stream is that is still to come',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'page' });
    const id = formatStreamId(KEY_B.publicKey);
    const mirror = { path: t.path('b.stream'), id, urls: ['https://b.example/'], quota: undefined };
    let kept: KeptMirror[] = [];
    const daemon = await serve(t, path, { kept: () => kept });
    const all = askAll(clients(t, daemon.port), KEY_B);
    assert.ok(await all(404));

    kept = [{ ...mirror, isHidden: false }];
    await until(() => all(307));
    kept = [{ ...mirror, isHidden: true }];
    await until(() => all(404));
  }),
);

test(
  'startDaemon :: says what goes not with several processes, and how many there may be',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'page' });
    const start = (options: Partial<DaemonOptions>): Promise<unknown> =>
      startDaemon({ streams: [{ path }], port: 0, ...options });
    const dataDir = t.path('data');

    for (const workers of [0, 65, 1.5, Number.NaN]) await rejectsCode(start({ workers }), 'USAGE');
    const push = { dataDir, isAllowed: () => true };
    await rejectsCode(start({ workers: 2, push }), 'USAGE');
    const operator = { dataDir, metricsPort: 0 };
    await rejectsCode(start({ workers: 2, operator }), 'USAGE');
  }),
);

test.run();
