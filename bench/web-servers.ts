/** The servers ours is compared with, each a process of its own with one worker on a free port. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { freePort } from './mirror.ts';

/** A running server. */
export type WebServer = {
  readonly name: string;
  readonly port: number;
  /** Of the process that answers; undefined where it is a child of the one that was started. */
  readonly pid?: number | undefined;
  close(): Promise<void>;
};

/** Puts `FILE.gz` beside every file of a copy of `site`, for servers that send those; returns the copy. */
export function withGzip(site: string): string {
  const copy = `${site}-gzip`;
  if (existsSync(join(copy, '.complete.gz'))) return copy;
  rmSync(copy, { recursive: true, force: true });
  cpSync(site, copy, { recursive: true });
  for (const entry of readdirSync(copy, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    // The level a stream is made with: the same bytes go over the wire.
    writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 4 }));
  }
  return copy;
}

/** Starts a Node server of `baselines/`, which prints its port. */
export async function startNode(
  name: string,
  script: string,
  ...args: string[]
): Promise<WebServer> {
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  return { name, port, pid: child.pid, close: () => end(child) };
}

/** Starts nginx on `site`; undefined where it is not installed. */
export async function startNginx(work: string, site: string): Promise<WebServer | undefined> {
  if (!isInstalled('nginx', '-v')) return undefined;
  const port = await freePort();
  const config = join(work, 'nginx.conf');
  mkdirSync(work, { recursive: true });
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    config,
    `daemon off; worker_processes 1; pid ${work}/nginx.pid; error_log ${work}/nginx.log;
     ${process.getuid?.() === 0 ? 'user root;' : ''}
     events { worker_connections 1024; }
     http {
       types { text/html html; }
       ${paths.map((name) => `${name}_temp_path ${work}/${name};`).join('\n')}
       access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
       gzip_static on; open_file_cache max=30000 inactive=60s;
       server { listen 127.0.0.1:${port}; root ${site}; }
     }`,
  );
  const child = spawn('nginx', ['-p', work, '-c', config], { stdio: 'ignore' });
  await answering(port, child);
  return { name: 'nginx', port, close: () => end(child) };
}

/** Starts Caddy on `site`; undefined where it is not installed. */
export async function startCaddy(work: string, site: string): Promise<WebServer | undefined> {
  if (!isInstalled('caddy', 'version')) return undefined;
  const port = await freePort();
  const config = join(work, 'Caddyfile');
  mkdirSync(work, { recursive: true });
  writeFileSync(
    config,
    `{\n admin off\n auto_https off\n}
http://127.0.0.1:${port} {\n bind 127.0.0.1\n root * ${site}\n file_server {\n precompressed gzip\n }\n}\n`,
  );
  const child = spawn('caddy', ['run', '--config', config, '--adapter', 'caddyfile'], {
    stdio: 'ignore',
    env: { ...process.env, GOMAXPROCS: '1', XDG_DATA_HOME: work, XDG_CONFIG_HOME: work },
  });
  await answering(port, child);
  return { name: 'caddy', port, close: () => end(child) };
}

function isInstalled(program: string, flag: string): boolean {
  return spawnSync(program, [flag]).error === undefined;
}

async function answering(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  throw new Error(`no answer from port ${port}`);
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
