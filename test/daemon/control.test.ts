import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DrayerError } from '../../src/core/errors.ts';
import { findDaemon } from '../../src/daemon/control-client.ts';
import { type Control, type OrderHandler, openControl } from '../../src/daemon/control-server.ts';
import { controlPathOf } from '../../src/daemon/control-socket.ts';
import { CONTROL_VERSION, MOST_LINE_BYTES } from '../../src/daemon/control-wire.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('daemon/control');

const greeting = { drayer: CONTROL_VERSION, version: '9.9.9', pid: 4711, port: 33125 };

type Opened = { readonly control: Control; readonly errors: unknown[] };

async function open(t: Scope, handle: OrderHandler): Promise<Opened> {
  mkdirSync(t.path('data'), { recursive: true });
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const options = { dataDir: t.path('data'), greeting, handle, onError };
  const control = t.defer(await openControl(options), (one) => one.close());
  return { control, errors };
}

const nothing: OrderHandler = async () => ({ addresses: [] });

test(
  'openControl :: the socket is for its owner alone, and gone after close',
  scope(async (t) => {
    const { control } = await open(t, nothing);

    assert.is(statSync(control.path).mode & 0o777, 0o600);
    const link = await findDaemon(t.path('data'));
    assert.equal([link?.pid, link?.version, link?.port], [4711, '9.9.9', 33125]);
    link?.close();
    await control.close();

    assert.is(existsSync(control.path), false);
    assert.is(await findDaemon(t.path('data')), undefined);
  }),
);

test(
  'findDaemon :: order, progress, result; an error keeps its code and its hint',
  scope(async (t) => {
    const progress: unknown[] = [];
    await open(t, async (order, context) => {
      if (order.do !== 'changed') throw new DrayerError('OVER_QUOTA', 'too much', { hint: 'less' });
      context.progress({ phase: 'values' });
      return { addresses: [order.path] };
    });

    const link = await findDaemon(t.path('data'));
    const done = await link?.ask(
      { do: 'changed', path: '/a\u2028b' },
      { onProgress: (state) => progress.push(state) },
    );
    const other = await findDaemon(t.path('data'));
    const error = await other?.ask({ do: 'list' }).catch((reason: unknown) => reason);

    assert.equal(done, { addresses: ['/a\u2028b'] });
    assert.equal(progress, [{ phase: 'values' }]);
    assert.ok(error instanceof DrayerError);
    assert.equal([error.code, error.message, error.hint], ['OVER_QUOTA', 'too much', 'less']);
  }),
);

test(
  'findDaemon :: a socket that a killed daemon left is nobody, and is replaced by the next',
  scope(async (t) => {
    mkdirSync(t.path('data'));
    const path = controlPathOf(t.path('data'));
    // Bound and abandoned, as SIGKILL leaves it: the name stays, nobody listens.
    const dead = createServer().listen(t.path('moved'));
    await once(dead, 'listening');
    renameSync(t.path('moved'), path);
    chmodSync(path, 0o600);
    await new Promise((resolve) => dead.close(resolve));
    assert.ok(statSync(path).isSocket());

    assert.is(await findDaemon(t.path('data')), undefined);
    await open(t, nothing);

    const link = await findDaemon(t.path('data'));
    assert.is(link?.pid, 4711);
    link?.close();
  }),
);

test(
  'findDaemon :: what others could have put there, or can open, is not talked to',
  scope(async (t) => {
    const { control } = await open(t, nothing);
    chmodSync(control.path, 0o666);
    await rejectsCode(findDaemon(t.path('data')), 'SOCKET_UNSAFE');
    mkdirSync(t.path('file'));
    writeFileSync(controlPathOf(t.path('file')), 'no socket');
    await rejectsCode(findDaemon(t.path('file')), 'SOCKET_UNSAFE');
    mkdirSync(t.path('link'));
    chmodSync(control.path, 0o600);
    symlinkSync(control.path, controlPathOf(t.path('link')));
    await rejectsCode(findDaemon(t.path('link')), 'SOCKET_UNSAFE');
  }),
);

const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot(
  "findDaemon :: another user's socket is not talked to, and it is said whose it is",
  scope(async (t) => {
    const { control } = await open(t, nothing);
    chownSync(control.path, 12_345, 12_345);

    const error = await rejectsCode(findDaemon(t.path('data')), 'SOCKET_UNSAFE');

    assert.match(error.message, 'this socket belongs to user 12345, not to you (0)');
  }),
);

test(
  'findDaemon :: another version is told by both numbers; one that says nothing is told too',
  scope(async (t) => {
    const lines = [`${JSON.stringify({ ...greeting, drayer: 99 })}\n`, 'HTTP/1.1 400\n\n', ''];
    for (const [n, line] of lines.entries()) {
      mkdirSync(t.path(`data${n}`));
      const path = controlPathOf(t.path(`data${n}`));
      const server = createServer((socket) => void socket.write(line)).listen(path);
      await once(server, 'listening');
      t.defer(server, (one) => one.close());
      chmodSync(path, 0o600);

      const error = await findDaemon(t.path(`data${n}`), { patienceMs: 300 }).catch(
        (reason: unknown) => reason,
      );

      assert.ok(error instanceof DrayerError, String(error));
      assert.is(error.code, 'CONFLICT');
      if (n === 0) assert.match(error.message, 'process 4711, version 9.9.9');
      if (n === 0) assert.match(error.hint ?? '', 'speaks 99, this one 1');
    }
  }),
);

test(
  'ask :: who goes away ends the order; a daemon that ends in the middle is told',
  scope(async (t) => {
    let begun: () => void = () => {};
    const started = new Promise<void>((resolve) => {
      begun = resolve;
    });
    let stopped: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      stopped = resolve;
    });
    const { control } = await open(t, async (_, { signal }) => {
      begun();
      await once(signal, 'abort');
      stopped();
      throw new DrayerError('ABORTED', 'stopped');
    });
    const stop = new AbortController();
    const link = await findDaemon(t.path('data'));
    const asked = link?.ask({ do: 'list' }, { signal: stop.signal });
    await started;
    stop.abort();
    await rejectsCode(asked ?? Promise.resolve(), 'ABORTED');
    await ended;

    const second = await findDaemon(t.path('data'));
    const again = second?.ask({ do: 'list' });
    again?.catch(() => {});
    await control.close();
    await rejectsCode(again ?? Promise.resolve(), 'UNREACHABLE');
  }),
);

test(
  'openControl :: rubbish is answered with an error or an end, and the next order is done',
  scope(async (t) => {
    const { control, errors } = await open(t, nothing);
    const seed = freshSeed();
    const random = randomFrom(seed);
    const good = JSON.stringify({ do: 'mirror', id: 'x', url: 'http://h', quota: { bytes: 1 } });
    const wrong = [
      '{}\n',
      '[]\n',
      'null\n',
      '{"do":"stop"}\n',
      '{"do":"mirror"}\n',
      '{"do":"mirror","id":"x","quota":{"bytes":-1}}\n',
      '{"do":"mirror","id":"x","isHidden":"yes"}\n',
      `${'['.repeat(100_000)}\n`,
      'x'.repeat(MOST_LINE_BYTES + 2),
    ];
    for (let n = 0; n < scaled(200); n += 1) {
      const bytes = Buffer.from(`${good}\n`);
      for (let i = random.below(4); i >= 0; i -= 1)
        bytes[random.below(bytes.length)] = random.below(256);
      wrong.push(bytes.toString('latin1'));
    }

    for (const text of wrong) {
      const socket = createConnection(control.path);
      let said = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk;
      });
      // A line that is too long is cut off while it is sent.
      socket.on('error', () => undefined);
      socket.end(text.endsWith('\n') || text.length > 1000 ? text : `${text}\n`, 'latin1');
      await once(socket, 'close');
      const [, answer] = said.split('\n');
      if (answer) assert.ok(/"(error|done)"/.test(answer), `seed ${seed}: ${text.slice(0, 200)}`);
    }

    assert.equal(errors, []);
    const link = await findDaemon(t.path('data'));
    assert.equal(await link?.ask({ do: 'changed', path: 'x' }), { addresses: [] });
  }),
);

test.run();
