/** Servers with the site of the conformance table: drayer, and others where they are installed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sirv from 'sirv';
import { formatStreamId } from '../../src/core/stream-id.ts';
import type { AppOptions } from '../../src/server/app.ts';
import { KEY_A } from '../helpers/keys.ts';
import type { Scope } from '../helpers/scope.ts';
import { type Serving, serve } from '../helpers/serving.ts';
import { makeSite, NOVEMBER } from '../helpers/site.ts';
import type { Player } from './play.ts';
import { FILES } from './site.ts';

/** drayer, with the site on an origin of its own. */
export async function playDrayer(
  t: Scope,
  options: Partial<AppOptions> = {},
): Promise<Player & { readonly serving: Serving }> {
  const { path } = makeSite(t, FILES);
  const serving = await serve(t, [{ path }], options);
  const host = `${formatStreamId(KEY_A.publicKey, 'base32')}.localhost:${serving.port}`;
  return { name: 'drayer', port: serving.port, host, serving };
}

/** sirv as its README sets it up for production. */
export async function playSirv(t: Scope): Promise<Player> {
  const serveFile = sirv(siteFolder(t), { etag: true, gzip: true, dotfiles: true });
  const server = createServer((request, response) => {
    try {
      serveFile(request, response);
    } catch {
      // It throws for a range that ends beyond 2^53, and would take the process with it.
      response.destroy();
    }
  });
  t.defer(server, (one) => one.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { name: 'sirv', port, host: `127.0.0.1:${port}` };
}

/** nginx with files compressed beforehand; undefined where it is not installed. */
export async function playNginx(t: Scope): Promise<Player | undefined> {
  const program = ['nginx', '/usr/sbin/nginx'].find(
    (name) => spawnSync(name, ['-v']).error === undefined,
  );
  if (program === undefined) return undefined;
  const port = await freePort();
  const folder = siteFolder(t);
  const config = t.path('nginx.conf');
  mkdirSync(t.path('nginx-tmp'), { recursive: true });
  writeFileSync(config, nginxConfig(folder, port, t.directory));
  const child = spawn(program, ['-c', config, '-e', t.path('nginx.err')], { stdio: 'ignore' });
  t.defer(child, end);
  await reachable(port, child);
  return { name: 'nginx', port, host: `127.0.0.1:${port}` };
}

/** The site in a folder, each file beside its compressed form. */
function siteFolder(t: Scope): string {
  const folder = t.path('folder');
  for (const [key, content] of Object.entries(FILES)) {
    const path = join(folder, key);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    writeFileSync(`${path}.gz`, gzipSync(content));
    for (const one of [path, `${path}.gz`]) utimesSync(one, NOVEMBER / 1e6, NOVEMBER / 1e6);
  }
  return folder;
}

function nginxConfig(folder: string, port: number, directory: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${directory}/nginx-tmp/${name};`)
    .join(' ');
  return `
    daemon off; master_process off; pid ${directory}/nginx.pid;
    error_log ${directory}/nginx.err;
    events { worker_connections 64; }
    http {
      include /etc/nginx/mime.types; default_type application/octet-stream;
      charset utf-8; charset_types text/plain text/css application/javascript application/json;
      access_log off; ${temporary}
      gzip_static on; gzip_vary on;
      server {
        listen 127.0.0.1:${port}; root ${folder};
        error_page 404 /404.html;
      }
    }`;
}

/** A port nobody listens on at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until something listens; a server that ends instead is an error. */
async function reachable(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    if (await connects(port)) return;
  }
  throw new Error(`nginx ended with ${child.exitCode}`);
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(socket.destroy() !== undefined));
    socket.on('error', () => setTimeout(() => resolve(false), 20));
  });
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
