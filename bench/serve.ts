/**
 * Pages over loopback, beside a bare node:http server with one Buffer and the servers people use.
 * Every server runs all the time and each round asks each of them, so that what else the machine does
 * falls on all alike.
 */
import { readFileSync, statSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { LOAD_NAME, type Load, load } from './load.ts';
import { serve } from './mirror.ts';
import type { Bench } from './publish.ts';
import type { Row } from './report.ts';
import { startCaddy, startNginx, startNode, type WebServer, withGzip } from './web-servers.ts';

const CONNECTIONS = 64;
const SECONDS = 2;
const ROUNDS = 3;
const PAGES = 10_000;
/** Content of the page that is asked for again and again. */
const HOT_BYTES = 10_240;

/** Requests for one page and for all pages of the HTML stream, and the whole stream as one reply. */
export async function* benchServe(bench: Bench, stream: string, site: string): AsyncGenerator<Row> {
  const served = await serve(bench, stream);
  const prefix = `/${served.key}/webAccess/`;
  const hot = pageNear(site, HOT_BYTES);
  const hotBytes = gzipSync(readFileSync(join(site, hot)), { level: 4 }).length;
  const copy = withGzip(site);
  const others: WebServer[] = [];
  try {
    const bare = await startNode(
      'node:http, one Buffer',
      join(bench.baselines, 'serve-bare.js'),
      String(hotBytes),
    );
    others.push(bare);
    const sirv = await startNode('sirv', join(bench.baselines, 'serve-sirv.js'), copy);
    others.push(sirv);
    const work = join(bench.root, 'web-servers');
    const nginx = await startNginx(work, copy);
    const caddy = await startCaddy(work, copy);
    others.push(...[nginx, caddy].filter((server) => server !== undefined));

    const ours = Number(new URL(served.url).port);
    for (const { what, pages } of [
      { what: 'one page', pages: [hot] },
      {
        what: `${PAGES} pages`,
        pages: Array.from({ length: PAGES }, (_, i) => page((i * 7919) % PAGES)),
      },
    ]) {
      const own = {
        name: 'ours',
        port: ours,
        pid: served.pid,
        paths: pages.map((path) => prefix + path),
      };
      const figures = await inTurn([
        own,
        ...others.map(({ name, port, pid }) => ({
          name,
          port,
          pid,
          paths: pages.map((path) => `/${path}`),
        })),
      ]);
      yield* rowsOf(what, figures);
    }

    const big = await startNode('node:http', join(bench.baselines, 'serve-bare.js'), '30000000');
    others.push(big);
    yield {
      what: 'serve, newRecords/0',
      ours: await megabytesPerSecond(`${served.url}/${served.key}/newRecords/0`),
      baseline: await megabytesPerSecond(`http://127.0.0.1:${big.port}/`),
      unit: 'MB/s',
      baselineName: 'node:http, one Buffer of 30 MB',
    };
  } finally {
    for (const server of others) await server.close();
    await served.close();
  }
}

type Target = Pick<WebServer, 'name' | 'port' | 'pid'> & { readonly paths: readonly string[] };

async function inTurn(targets: readonly Target[]): Promise<Map<string, Load>> {
  const figures = new Map<string, Load[]>(targets.map(({ name }) => [name, []]));
  for (const target of targets) await warm(target);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { name, ...target } of targets) {
      const shape = { seconds: SECONDS, connections: CONNECTIONS };
      figures.get(name)?.push(await load({ ...target, ...shape }));
    }
  }
  return new Map([...figures].map(([name, taken]) => [name, middle(taken)]));
}

/** For compilers and caches: every page once, as the load asks for it, then load that has them all again. */
async function warm({ port, paths }: Target): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const left = [...paths];
  const client = async (): Promise<void> => {
    for (let path = left.pop(); path !== undefined; path = left.pop()) {
      await new Promise<void>((resolve, reject) => {
        // As the load asks, in the same order: what is the same is found again.
        const headers = { Host: `127.0.0.1:${port}`, 'Accept-Encoding': 'gzip' };
        get({ port, host: '127.0.0.1', path, agent, headers }, (response) => {
          response.resume().once('end', resolve);
        }).once('error', reject);
      });
    }
  };
  await Promise.all(Array.from({ length: 16 }, client));
  agent.destroy();
  for (let seen = 0; seen < paths.length; ) {
    const { perSecond } = await load({ port, paths, seconds: 1, connections: CONNECTIONS });
    seen += perSecond;
  }
}

function middle(taken: readonly Load[]): Load {
  const [first, ...rest] = [...taken].sort((a, b) => a.perSecond - b.perSecond);
  if (first === undefined) throw new Error('no figures');
  return {
    perSecond: rest[Math.floor(taken.length / 2) - 1]?.perSecond ?? first.perSecond,
    // The least is what the server does, the rest is what else the machine did.
    p99Ms: Math.min(...taken.map(({ p99Ms }) => p99Ms)),
    cpuMicros: Math.min(...taken.map(({ cpuMicros }) => cpuMicros)),
  };
}

const GOALS: Readonly<Record<string, number>> = { 'node:http, one Buffer': 0.85, sirv: 8 };

function* rowsOf(what: string, figures: ReadonlyMap<string, Load>): Generator<Row> {
  const ours = figures.get('ours');
  const bare = figures.get('node:http, one Buffer');
  if (ours === undefined || bare === undefined) throw new Error('no figures');
  for (const [name, { perSecond }] of figures) {
    if (name === 'ours') continue;
    yield {
      what: `serve, ${what}`,
      ours: ours.perSecond,
      baseline: perSecond,
      unit: 'req/s',
      baselineName: `${name} (${LOAD_NAME})`,
      atLeast: GOALS[name],
    };
  }
  yield {
    what: `serve, ${what}, processor time`,
    ours: ours.cpuMicros,
    baseline: bare.cpuMicros,
    unit: 'µs',
    baselineName: 'node:http, one Buffer',
    atMost: 1.18,
  };
  const sirv = figures.get('sirv');
  if (sirv !== undefined) {
    yield {
      // A server this quick waits for the one thread of the load; what it takes for a request does not.
      what: `serve, ${what}, requests of a second of processor time`,
      ours: 1e6 / ours.cpuMicros,
      baseline: 1e6 / sirv.cpuMicros,
      unit: 'req',
      baselineName: 'sirv, all its threads',
      atLeast: GOALS['sirv'],
    };
  }
  yield {
    what: `serve, ${what}, p99`,
    ours: ours.p99Ms,
    baseline: bare.p99Ms,
    unit: 'ms',
    baselineName: 'node:http, one Buffer',
    limit: 10,
  };
}

function page(i: number): string {
  return `section-${i % 20}/topic-${i % 100}/page-${i}.html`;
}

/** The page whose content is nearest to so many bytes. */
function pageNear(site: string, bytes: number): string {
  const distance = (path: string) => Math.abs(statSync(join(site, path)).size - bytes);
  // Page 0 and 1 are edited by other benches.
  const pages = Array.from({ length: 500 }, (_, i) => page(i + 2));
  return pages.reduce((best, path) => (distance(path) < distance(best) ? path : best));
}

async function megabytesPerSecond(url: string): Promise<number> {
  const start = performance.now();
  let bytes = 0;
  for (let i = 0; i < 3; i += 1) bytes += (await (await fetch(url)).arrayBuffer()).byteLength;
  return bytes / 1e6 / ((performance.now() - start) / 1000);
}
