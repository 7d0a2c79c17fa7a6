/** Pages and values over loopback, against a bare node:http server returning one Buffer. */
import { Agent, request } from 'node:http';
import { Worker } from 'node:worker_threads';
import { type Served, serve } from './mirror.ts';
import type { Bench } from './publish.ts';
import type { Row } from './report.ts';

const CONNECTIONS = 32;
const SECONDS = 3;

/** Requests for pages of the HTML stream, and the whole stream as one reply. */
export async function* benchServe(bench: Bench, stream: string): AsyncGenerator<Row> {
  const served = await serve(bench, stream);
  const bare = await bareServer(6_000);
  try {
    const plain = await requestsPerSecond(() => `${bare.url}/`);
    const hot = await requestsPerSecond(() => pageUrl(served, 1));
    yield {
      what: 'serve, one page',
      ours: hot,
      baseline: plain,
      unit: 'req/s',
      baselineName: 'node:http, one Buffer',
    };
    let n = 0;
    const spread = await requestsPerSecond(() => {
      n = (n * 7 + 1) % 9_999;
      return pageUrl(served, n);
    });
    yield {
      what: 'serve, 10,000 pages',
      ours: spread,
      baseline: plain,
      unit: 'req/s',
      baselineName: 'node:http, one Buffer',
    };
    const big = await bareServer(30_000_000);
    const theirs = await megabytesPerSecond(`${big.url}/`);
    await big.close();
    yield {
      what: 'serve, newRecords/0',
      ours: await megabytesPerSecond(`${served.url}/${served.key}/newRecords/0`),
      baseline: theirs,
      unit: 'MB/s',
      baselineName: 'node:http, one Buffer of 30 MB',
    };
  } finally {
    await bare.close();
    await served.close();
  }
}

function pageUrl(served: Served, i: number): string {
  const page = `section-${i % 20}/topic-${i % 100}/page-${i}.html`;
  return `${served.url}/${served.key}/webAccess/${page}`;
}

/** A server in a thread of its own that answers everything with the same bytes. */
async function bareServer(bytes: number): Promise<{ url: string; close(): Promise<void> }> {
  const worker = new Worker(
    `const { createServer } = require('node:http');
     const { parentPort, workerData } = require('node:worker_threads');
     const body = Buffer.alloc(workerData, 'x');
     const server = createServer((request, response) => {
       response.setHeader('content-length', body.length);
       response.end(body);
     });
     server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
    { eval: true, workerData: bytes },
  );
  const port = await new Promise((resolve) => worker.once('message', resolve));
  return {
    url: `http://127.0.0.1:${String(port)}`,
    close: async () => {
      await worker.terminate();
    },
  };
}

async function requestsPerSecond(urlOf: () => string): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const end = performance.now() + SECONDS * 1000;
  let done = 0;
  const client = async () => {
    while (performance.now() < end) {
      await get(urlOf(), agent);
      done += 1;
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  agent.destroy();
  return (done / (performance.now() - start)) * 1000;
}

async function megabytesPerSecond(url: string): Promise<number> {
  const start = performance.now();
  let bytes = 0;
  for (let i = 0; i < 3; i += 1) bytes += await get(url);
  return bytes / 1e6 / ((performance.now() - start) / 1000);
}

function get(url: string, agent?: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'accept-encoding': 'gzip' };
    const call = request(url, { ...(agent ? { agent } : {}), headers }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${url}: HTTP ${response.statusCode}`));
      let bytes = 0;
      response.on('data', (chunk: Uint8Array) => {
        bytes += chunk.length;
      });
      response.on('end', () => resolve(bytes));
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end();
  });
}
