/**
 * A daemon that serves a stream with several processes, as a process of its own. Started with the path
 * of the stream and how many; tells its port and the ids of the others as soon as all of them serve.
 */
import { startDaemon } from '../../src/daemon/daemon.ts';

const [, , path = '', workers = '2'] = process.argv;
const daemon = await startDaemon({ streams: [{ path }], port: 0, workers: Number(workers) });
const timer = setInterval(() => {
  const pids = daemon.workers();
  if (pids.length < Number(workers) - 1) return;
  clearInterval(timer);
  process.send?.({ port: daemon.port, pids });
}, 20);
