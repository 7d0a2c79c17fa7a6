/** Mirroring over loopback from a real server process: cold, one changed file, media. */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { freshFolder, median, type Run, run, runNode, settle, sideBySide } from './measure.ts';
import type { Bench } from './publish.ts';
import type { Row } from './report.ts';

/** A server process under test. */
export type Served = {
  readonly url: string;
  readonly key: string;
  readonly pid: number;
  close(): Promise<void>;
};

/** Serves a stream with the built command line on a free port. */
export async function serve(bench: Bench, stream: string): Promise<Served> {
  const { url, streams, pid, close } = await startServer(bench, [stream]);
  const id = streams[0]?.id;
  if (id === undefined) throw new Error('the server lists no stream');
  const key = Buffer.from(id, 'base64').toString('base64url');
  return { url, key, pid, close };
}

/** Starts `drayer serve`, or another command that serves, on a free port. */
export async function startServer(
  bench: Bench,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  command: readonly string[] = ['serve'],
): Promise<Omit<Served, 'key'> & { readonly streams: readonly { readonly id: string }[] }> {
  const port = await freePort();
  const child = spawn(process.execPath, [bench.cli, ...command, ...args, '--port', String(port)], {
    // Not here: the project's own configuration would be taken.
    cwd: bench.root,
    stdio: 'ignore',
    env: { ...process.env, CI: 'true', ...env },
  });
  const url = `http://127.0.0.1:${port}`;
  const list = (await waitFor(`${url}/streams.json`, child)) as { streams: { id: string }[] };
  return { url, streams: list.streams, pid: child.pid ?? 0, close: () => end(child) };
}

/** Mirrors the HTML stream that publish left. */
export async function* benchMirror(
  bench: Bench,
  stream: string,
  site: string,
): AsyncGenerator<Row> {
  const work = join(bench.root, 'mirror');
  freshFolder(work);
  const served = await serve(bench, stream);
  try {
    const args = [bench.cli, 'mirror', `${served.url}/${served.key}`, '--json'];
    const into = (name: string) => ({ env: { XDG_DATA_HOME: join(work, name) } });
    const mirror = (name: string) => run(process.execPath, args, into(name));
    let copies = 0;
    // Each with a disk that is done with what was written before.
    const mirrorCold = async () => {
      copies += 1;
      await settle(stream);
      return mirror(`cold-${copies}`);
    };
    let loops = 0;
    const loopCold = async (...options: 'unchecked'[]) => {
      loops += 1;
      await settle(stream);
      return fetchStraight(bench, served, join(work, `straight-${loops}.db`), ...options);
    };
    // What looks at the memory takes time of it: once for that, and then without.
    const { peakMb } = await runNode(args, into('measured'));
    const [cold, straight] = await sideBySide(bench.rounds, mirrorCold, () => loopCold());
    yield {
      what: 'mirror, cold, 10,000 HTML files',
      ours: cold.ms,
      baseline: straight.ms,
      unit: 'ms',
      baselineName: 'a loop of fetch, hash, verify, insert',
      atMost: 1.2,
      peakMb,
    };
    const [beside, bare] = await sideBySide(bench.rounds, mirrorCold, () => loopCold('unchecked'));
    yield {
      what: 'mirror, cold, 10,000 HTML files',
      ours: beside.ms,
      baseline: bare.ms,
      unit: 'ms',
      baselineName: 'a loop of fetch and insert that checks nothing',
    };
    if (existsSync('/usr/bin/rsync')) {
      const rsync = await rsyncDaemon(work, site);
      const copy = async () => {
        await settle(site);
        return run('rsync', ['-a', `${rsync.url}/site/`, join(work, `rsync-${copies}/`)]);
      };
      try {
        const [again, copied] = await sideBySide(5, mirrorCold, copy);
        yield {
          what: 'mirror, cold, 10,000 HTML files',
          ours: again.ms,
          baseline: copied.ms,
          unit: 'ms',
          baselineName: 'rsync -a from its daemon',
          atMost: 1,
        };
      } finally {
        await rsync.close();
      }
    }
    const same = await median(5, () => mirror('cold-1'));
    const nothing = await median(5, () => run(process.execPath, ['-e', '0']));
    yield {
      what: 'mirror, nothing changed',
      ours: same.ms,
      baseline: nothing.ms,
      unit: 'ms',
      baselineName: 'node -e 0',
    };
    const edited = join(site, 'section-0', 'topic-0', 'page-0.html');
    const changed = await median(3, async (round) => {
      appendFileSync(edited, `<!-- mirrored edit ${round} ${Date.now()} -->\n`);
      await runNode([
        bench.cli,
        'publish',
        site,
        '--stream',
        stream,
        '--json',
        '--check-links=off',
      ]);
      return mirror('cold-1');
    });
    yield {
      what: 'mirror, one file changed',
      ours: changed.ms,
      baseline: same.ms,
      unit: 'ms',
      baselineName: 'nothing changed',
    };
  } finally {
    await served.close();
  }
}

/** Mirrors the stream of large files. */
export async function* benchMirrorMedia(bench: Bench, stream: string): AsyncGenerator<Row> {
  const work = join(bench.root, 'mirror-media');
  rmSync(work, { recursive: true, force: true });
  const served = await serve(bench, stream);
  try {
    const ours = await runNode([bench.cli, 'mirror', `${served.url}/${served.key}`, '--json'], {
      env: { XDG_DATA_HOME: work },
    });
    const straight = await fetchStraight(bench, served, join(work, 'straight.db'));
    yield {
      what: 'mirror, cold, 60 files of 1–8 MB',
      ours: ours.ms,
      baseline: straight.ms,
      unit: 'ms',
      baselineName: 'a loop of fetch, hash, verify, insert',
      peakMb: ours.peakMb,
    };
  } finally {
    await served.close();
  }
}

/** The baseline of a cold mirror: a loop of fetch, hash, verify and insert; `unchecked`: of fetch and insert. */
export function fetchStraight(
  bench: Bench,
  { url, key }: { readonly url: string; readonly key: string },
  database: string,
  ...options: readonly 'unchecked'[]
): Promise<Run> {
  const script = join(bench.baselines, 'fetch-verify-insert.js');
  return run(process.execPath, [script, url, key, database, ...options]);
}

/** Returns a port nobody listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('no port'));
      });
    });
  });
}

async function rsyncDaemon(
  work: string,
  site: string,
): Promise<{ url: string; close(): Promise<void> }> {
  const port = await freePort();
  const config = join(work, 'rsyncd.conf');
  writeFileSync(config, `use chroot = no\n[site]\npath = ${site}\nread only = yes\n`);
  const child = spawn(
    'rsync',
    ['--daemon', '--no-detach', `--port=${port}`, `--config=${config}`],
    {
      stdio: 'ignore',
    },
  );
  const url = `rsync://127.0.0.1:${port}`;
  for (let tries = 0; ; tries += 1) {
    try {
      await run('rsync', [`${url}/`]);
      return { url, close: () => end(child) };
    } catch (error) {
      if (tries === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function waitFor(url: string, child: ChildProcess): Promise<unknown> {
  for (let tries = 0; tries < 1200; tries += 1) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    try {
      return await (await fetch(url)).json();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  throw new Error(`no answer from ${url}`);
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
