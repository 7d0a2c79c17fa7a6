/** Several processes that serve end together, whenever and however the first one does. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Order } from '../../src/daemon/worker-plan.ts';
import { isRunning, untilEnded } from '../helpers/process-state.ts';
import { scope } from '../helpers/scope.ts';
import { makeSite } from '../helpers/site.ts';
import { CONNECTIONS, clients, serve, WORKERS } from '../helpers/worker-daemon.ts';

const test = suite('daemon/workers-end');

test(
  'close :: ends all of them within three seconds, with clients that neither read nor go',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'page', 'film.mp4': Buffer.alloc(8_000_000) });
    const daemon = await serve(t, path);
    const pids = daemon.workers();
    for (const ask of clients(t, daemon.port)) await ask('/');
    for (let i = 0; i < CONNECTIONS; i += 1) {
      const request = get({ port: daemon.port, host: '127.0.0.1', path: '/film.mp4' });
      request.on('error', () => {});
      await once(request, 'response');
    }
    const started = performance.now();

    await daemon.close();

    assert.ok(performance.now() - started < 3000);
    assert.equal(pids.filter(isRunning), []);
  }),
);

test(
  'serve-worker :: ends with the first process, however that ends',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'page' });
    const script = fileURLToPath(new URL('../helpers/workers-child.ts', import.meta.url));
    const first = t.defer(fork(script, [path, `${WORKERS}`]), (one) => one.kill('SIGKILL'));
    const [{ pids }] = (await once(first, 'message')) as [{ pids: number[] }];
    assert.is(pids.filter(isRunning).length, WORKERS - 1);

    first.kill('SIGKILL');

    await Promise.all(pids.map(untilEnded));
  }),
);

test(
  'serve-worker :: ends also where the first process goes while it is still beginning, and lets go of the port',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'page' });
    const socket = t.defer(createServer(), (one) => one.close());
    await once(socket.listen(0, '127.0.0.1'), 'listening');
    const script = fileURLToPath(new URL('../../src/daemon/serve-worker.ts', import.meta.url));
    const worker = t.defer(fork(script, { serialization: 'advanced' }), (one) =>
      one.kill('SIGKILL'),
    );
    const told = (order: Order, handle?: Server): Promise<unknown> =>
      new Promise((resolve) => worker.send(order, handle, resolve));
    const plan = { streams: [{ path }], port: 0, operator: undefined, takesNews: false };

    // All it is told is there, and so is the end, before it has begun to listen to either.
    await told({ do: 'listen' }, socket);
    await told({ do: 'start', plan });
    worker.disconnect();

    await untilEnded(worker.pid ?? 0);
  }),
);

test.run();
