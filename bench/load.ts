/** Load on an HTTP server over loopback: wrk where it is installed, else a small generator of our own. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { run } from './measure.ts';

/** What to ask, and how hard. */
export type LoadOptions = {
  readonly port: number;
  /** Asked in turn, from the beginning again after the last. */
  readonly paths: readonly string[];
  readonly seconds: number;
  readonly connections: number;
  /** Process whose time is measured beside. */
  readonly pid?: number | undefined;
};

/** What a server took. */
export type Load = {
  readonly perSecond: number;
  /** Time within which 99 of 100 requests were answered. */
  readonly p99Ms: number;
  /**
   * Processor time of the server for each request, µs: what else runs on the machine changes it less
   * than the rate. NaN where it is not known.
   */
  readonly cpuMicros: number;
};

const HAS_WRK = spawnSync('wrk', ['-v']).error === undefined;

/** What makes the load; part of what a figure means. */
export const LOAD_NAME: string = HAS_WRK ? 'wrk, one thread' : 'a loop over sockets';

/** Asks for gzip as fast as the server answers; throws when an answer is not 200. */
export async function load(options: LoadOptions): Promise<Load> {
  const before = cpuTicks(options.pid);
  const { requests, ...taken } = await (HAS_WRK ? withWrk(options) : withSockets(options));
  const cpuMicros = ((cpuTicks(options.pid) - before) * TICK_MICROS) / requests;
  return { ...taken, cpuMicros };
}

/** Linux counts the processor time of a process in hundredths of a second. */
const TICK_MICROS = 10_000;

function cpuTicks(pid: number | undefined): number {
  const path = `/proc/${pid}/stat`;
  if (pid === undefined || !existsSync(path)) return Number.NaN;
  const fields = readFileSync(path, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

type Taken = Omit<Load, 'cpuMicros'> & { readonly requests: number };

async function withWrk({ port, paths, seconds, connections }: LoadOptions): Promise<Taken> {
  const script = join(tmpdir(), `drayer-bench-${process.pid}.lua`);
  writeFileSync(
    script,
    `local paths = {${paths.map((path) => JSON.stringify(path)).join(',')}}
     local at = 0
     local made = {}
     init = function()
       for i, path in ipairs(paths) do made[i] = wrk.format("GET", path) end
     end
     request = function()
       at = at % #made + 1
       return made[at]
     end`,
  );
  try {
    const shape = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency'];
    const gzip = ['-H', 'Accept-Encoding: gzip'];
    // One path needs no script, which would cost wrk more than the request.
    const many = paths.length === 1 ? [] : ['-s', script];
    const url = `http://127.0.0.1:${port}${paths[0]}`;
    const { stdout } = await run('wrk', [...shape, ...gzip, ...many, url]);
    // What is late is in the figures; what fails is not.
    const failed = /Non-2xx.*|(?:connect|read|write) [1-9]\d*/.exec(stdout);
    if (failed !== null) throw new Error(`${url}: ${failed[0]}`);
    return {
      requests: Number(/(\d+) requests in/.exec(stdout)?.[1]),
      perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
      p99Ms: milliseconds(/99%\s+([\d.]+)(us|ms|s)\b/.exec(stdout)),
    };
  } finally {
    rmSync(script, { force: true });
  }
}

function milliseconds(match: RegExpExecArray | null): number {
  const factor = { us: 0.001, ms: 1, s: 1000 }[match?.[2] ?? ''] ?? Number.NaN;
  return Number(match?.[1]) * factor;
}

/** In a thread of its own: the load is not to wait for what the bench does. */
async function withSockets(options: LoadOptions): Promise<Taken> {
  const worker = new Worker(CLIENT, { eval: true, workerData: options });
  try {
    return await new Promise<Taken>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  } finally {
    await worker.terminate();
  }
}

const CLIENT = `
const { connect } = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
const { port, paths, seconds, connections } = workerData;
const requests = paths.map((path) => Buffer.from(
  'GET ' + path + ' HTTP/1.1\\r\\nHost: 127.0.0.1:' + port + '\\r\\nAccept-Encoding: gzip\\r\\n\\r\\n'));
const times = [];
let at = 0;
let open = connections;
const start = performance.now();
const end = start + seconds * 1000;
for (let i = 0; i < connections; i += 1) client();
function client() {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  let left = 0;
  let asked = 0;
  const ask = () => {
    if (performance.now() >= end) {
      socket.destroy();
      open -= 1;
      if (open === 0) report();
      return;
    }
    asked = performance.now();
    socket.write(requests[at++ % requests.length]);
  };
  socket.on('error', (error) => { throw error; });
  socket.on('connect', ask);
  socket.on('data', (chunk) => {
    if (left === 0) {
      const split = chunk.indexOf('\\r\\n\\r\\n');
      const head = chunk.latin1Slice(0, split);
      const length = /content-length: *(\\d+)/i.exec(head);
      if (!head.startsWith('HTTP/1.1 200') || length === null) throw new Error(head);
      left = Number(length[1]) + split + 4;
    }
    left -= chunk.length;
    if (left > 0) return;
    times.push(performance.now() - asked);
    ask();
  });
}
function report() {
  times.sort((a, b) => a - b);
  const seconds = (performance.now() - start) / 1000;
  parentPort.postMessage({
    requests: times.length,
    perSecond: times.length / seconds,
    p99Ms: times[Math.floor(times.length * 0.99)],
  });
}
`;
