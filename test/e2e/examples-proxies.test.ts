/** The configurations of examples/nginx and examples/caddy, run by these programs where they are installed. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { type Daemon, startDaemon } from '../../src/daemon/daemon.ts';
import { KEY_A } from '../helpers/keys.ts';
import { rawGet, readAll } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { makeSite, putFiles } from '../helpers/site.ts';

const test = suite('e2e/examples-proxies');
const examples = fileURLToPath(new URL('../../examples', import.meta.url));

const label = formatStreamId(KEY_A.publicKey, 'base32');
const BLOG = 'blog.example.net';

/** Of one connection, or of one moment. */
const HOP = new Set([
  'connection',
  'keep-alive',
  'date',
  'transfer-encoding',
  'content-length',
  'server',
  'allow',
]);
const OPEN = new Set([
  'access-control-allow-origin',
  'access-control-expose-headers',
  'cross-origin-resource-policy',
]);

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

type Behind = {
  /** The proxy's port. */
  readonly port: number;
  readonly daemon: Daemon;
  /** The access log. */
  readonly lines: string[];
  readonly publish: (files: Record<string, string>) => void;
};

type Proxy = {
  readonly command: string;
  /** Ends it at once, with what it has started. */
  readonly signal: 'SIGTERM' | 'SIGKILL';
  /** Writes the configuration of the example with ports of the test, and gives the arguments. */
  configure(
    t: Scope,
    ports: { readonly proxy: number; readonly drayer: number },
  ): readonly string[];
};

const nginx: Proxy = {
  command: 'nginx',
  signal: 'SIGTERM',
  configure: (t, ports) => {
    const text = readFileSync(`${examples}/nginx/drayer.conf`, 'utf8')
      .replace('127.0.0.1:33125', `127.0.0.1:${ports.drayer}`)
      .replace('listen 80;', `listen unix:${t.path('plain.sock')};`)
      .replace('listen 443 ssl http2;', `listen 127.0.0.1:${ports.proxy};`)
      .replace(/^\s*ssl_certificate.*$/gm, '');
    return writeNginx(t, text);
  },
};

function writeNginx(t: Scope, text: string): readonly string[] {
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((what) => `${what}_temp_path ${t.path('temp')};`)
    .join('\n');
  const outer = `${user}\npid ${t.path('pid')};\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n`;
  writeFileSync(t.path('nginx.conf'), `${outer}${temporary}\n${text}\n}\n`);
  mkdirSync(t.path('temp'), { recursive: true });
  return ['-p', t.directory, '-c', t.path('nginx.conf'), '-g', 'daemon off;'];
}

const caddy: Proxy = {
  command: 'caddy',
  signal: 'SIGKILL',
  configure: (t, ports) => {
    const text = readFileSync(`${examples}/caddy/Caddyfile`, 'utf8')
      .replace('127.0.0.1:33125', `127.0.0.1:${ports.drayer}`)
      .replace(/^blog\.example\.net/m, `http://${BLOG}:${ports.proxy}`);
    writeFileSync(t.path('Caddyfile'), `{\n\tadmin off\n}\n${text}`);
    return ['run', '--config', t.path('Caddyfile'), '--adapter', 'caddyfile'];
  },
};

async function start(t: Scope, { command, configure, signal }: Proxy): Promise<Behind> {
  const { path, stream } = makeSite(t, { 'index.html': 'home', 'a b+c%.txt': 'odd'.repeat(99) });
  const lines: string[] = [];
  const daemon = await startDaemon({
    streams: [{ path }],
    port: 0,
    pollMs: 5,
    operator: {
      dataDir: t.path('data'),
      domains: { [BLOG]: KEY_A.publicKey },
      parents: ['sites.example.net'],
      behindProxy: ['127.0.0.1'],
      accessLog: 'json',
      logAddress: 'full',
      onAccess: (line) => void lines.push(line),
    },
  });
  t.defer(daemon, (one) => one.close());
  const port = await freePort();
  const args = configure(t, { proxy: port, drayer: daemon.port });
  const env = { PATH: process.env['PATH'], HOME: t.directory, XDG_DATA_HOME: t.directory };
  const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  t.defer(child, async (one) => {
    const closed = once(one, 'close');
    if (one.exitCode === null && one.kill(signal)) await closed;
  });
  while (!(await isOpen(port))) {
    if (child.exitCode !== null) throw new Error(`${command} ended: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { port, daemon, lines, publish: (files) => putFiles(stream, files) };
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const open = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  socket.destroy();
  return open;
}

/**
 * Reads a connection until something is in what came.
 *
 * @param onData - told all that has come so far
 */
async function readUntil(
  port: number,
  request: string,
  pattern: RegExp,
  onData: (came: string) => void = () => {},
): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(request);
  let came = '';
  for await (const chunk of socket) {
    came += chunk;
    if (pattern.test(came)) break;
    onData(came);
  }
  return came;
}

for (const proxy of [nginx, caddy]) {
  const { command } = proxy;
  const isThere = spawnSync(command, [command === 'nginx' ? '-v' : 'version']).status === 0;
  if (!isThere) console.log(`  no ${command} here: its tests are skipped`);
  const run = isThere ? test : test.skip;

  run(
    `${command} :: what a site answers comes through as it was sent`,
    scope(async (t) => {
      const { port, daemon } = await start(t, proxy);
      const odd = '/a%20b%2Bc%25.txt';
      const page = await rawGet(daemon.port, '/', { host: BLOG });
      const etag = page.headers['etag'] ?? '';
      const requests: readonly (readonly [string, readonly string[], string])[] = [
        ['/', [], 'GET'],
        ['/', ['Accept-Encoding: gzip'], 'GET'],
        ['/', [`If-None-Match: ${etag}`], 'GET'],
        ['/', [], 'HEAD'],
        [odd, ['Range: bytes=3-7'], 'GET'],
        [odd, ['Range: bytes=900-'], 'GET'],
        ['/none', [], 'GET'],
        ['/a%2Fb//c', [], 'GET'],
        ['/', [], 'DELETE'],
        ['/.well-known/drayer/health', [], 'GET'],
        ['/.well-known/drayer/newRecords/0', [], 'GET'],
      ];

      for (const [path, headers, method] of requests) {
        const past = await rawGet(daemon.port, path, { host: BLOG, headers, method });
        const through = await rawGet(port, path, { host: BLOG, headers, method });

        const at = `${method} ${path} ${headers}`;
        assert.is(through.status, past.status, at);
        assert.equal(through.body, past.body, at);
        const kept = Object.keys(past.headers).filter((name) => !HOP.has(name));
        for (const name of kept) {
          // What differs for who comes from outside is that they may read what is synchronised.
          if (OPEN.has(name) && path.includes('newRecords')) continue;
          assert.is(through.headers[name], past.headers[name], `${at} ${name}`);
        }
        assert.is(through.headers['set-cookie'], undefined);
      }
    }),
  );

  run(
    `${command} :: tells who asks, and nothing that a client made up`,
    scope(async (t) => {
      const { port, lines } = await start(t, proxy);

      const headers = ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-Host: evil.com'];
      assert.is((await rawGet(port, '/', { host: BLOG, headers })).status, 200);

      const { address, host } = JSON.parse(lines.at(-1) ?? '') as Record<string, string>;
      assert.is(address, '127.0.0.1');
      assert.is(host, BLOG);
      assert.not.match(lines.join('\n'), '6.6.6.6');
      const unknown = await rawGet(port, '/', { host: 'evil.com' });
      assert.not.match(unknown.body.toString(), 'home');
    }),
  );

  run(
    `${command} :: live events come at once`,
    scope(async (t) => {
      const { port, publish } = await start(t, proxy);
      const ask = `GET /.well-known/drayer/events HTTP/1.1\r\nHost: ${BLOG}\r\n\r\n`;

      let isPublished = false;
      const came = await readUntil(port, ask, /"seq":2/, (before) => {
        if (isPublished || !before.includes('"seq":1')) return;
        isPublished = true;
        publish({ 'index.html': 'second' });
      });

      assert.match(came, /"seq":1[\s\S]*"seq":2/);
    }),
  );

  run(
    `${command} :: both agree on where each request ends (T060)`,
    scope(async (t) => {
      const { port } = await start(t, proxy);
      const hidden = `GET /hidden HTTP/1.1\r\nHost: ${BLOG}\r\n\r\n`;
      const host = `Host: ${BLOG}\r\n`;
      const bodies = [
        `POST / HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
        `POST / HTTP/1.1\r\n${host}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
        `POST / HTTP/1.1\r\n${host}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
        `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(30_000)}\r\na\r\n0\r\n\r\n`,
        `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n2\nab\n0\n\n`,
        `POST / HTTP/1.1\r\n${host}Content-Length: ${hidden.length}\r\n\r\n`,
        `GET / HTTP/1.1\r\n${host}Content-Length: ${hidden.length}\r\n\r\n`,
        `POST / HTTP/1.1\r\n${host}Content-Length: 0\r\nContent-Length: 9\r\n\r\n`,
      ];

      for (const body of bodies) {
        const socket = connect(port, '127.0.0.1');
        socket.write(body + hidden, 'latin1');
        socket.end();
        await readAll(socket);
        // Whoever comes next on the connections that proxy and server keep gets their own page.
        for (let i = 0; i < 4; i += 1) {
          const { status, body: page } = await rawGet(port, '/', { host: BLOG });
          assert.is(status, 200, body.slice(0, 80));
          assert.is(page.toString(), 'home', body.slice(0, 80));
        }
      }
    }),
  );
}

const hasNginx = spawnSync('nginx', ['-v']).status === 0;
(hasNginx ? test : test.skip)(
  'nginx :: takes the example as it stands, with a certificate where it says',
  scope((t) => {
    const [cert, key] = [t.path('cert.pem'), t.path('key.pem')];
    const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x -days 2`;
    execFileSync('openssl', [...words.split(' '), '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    });
    const text = readFileSync(`${examples}/nginx/drayer.conf`, 'utf8')
      .replace(/\/etc\/letsencrypt\S*fullchain\.pem/, cert)
      .replace(/\/etc\/letsencrypt\S*privkey\.pem/, key);

    const good = spawnSync('nginx', ['-t', ...writeNginx(t, text)], { encoding: 'utf8' });
    const wrong = writeNginx(t, text.replace('proxy_pass', 'proxy_past'));

    assert.is(good.status, 0, good.stderr);
    assert.is.not(spawnSync('nginx', ['-t', ...wrong]).status, 0);
  }),
);

(hasNginx ? test : test.skip)(
  'nginx :: leads from HTTP to HTTPS, with the very path',
  scope(async (t) => {
    await start(t, nginx);
    const name = `${label}.sites.example.net`;
    const socket = connect(t.path('plain.sock'));
    socket.write(`GET /a%2Fb?c HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`);

    const came = (await readAll(socket)).toString();

    assert.match(came, /^HTTP\/1\.1 301 /);
    assert.match(came, `Location: https://${name}/a%2Fb?c\r\n`);
  }),
);

test.run();
