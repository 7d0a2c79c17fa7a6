/**
 * Hostile sources over raw sockets, one script for each way to be one (T043–T053). Each knows the true
 * answers, from an honest server behind it, and is as convincing as its fault lets it be.
 */
import { request } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { decode, encode } from '@msgpack/msgpack';
import type { Scope } from './scope.ts';

/** What the honest server answered, and what was asked. */
export type Asked = {
  readonly path: string;
  /** A page of records, the record at a tip, or a value. */
  readonly kind: 'page' | 'single' | 'value' | 'other';
  readonly status: number;
  readonly type: string;
  readonly tip: string | undefined;
  readonly body: Buffer;
};

/** Answers on the socket. */
export type Fault = (asked: Asked, socket: Socket) => void;

/** A running hostile source. */
export type HostilePeer = { readonly url: string; readonly sockets: ReadonlySet<Socket> };

/** Starts one in front of an honest server on a loopback port. */
export async function hostilePeer(t: Scope, port: number, fault: Fault): Promise<HostilePeer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const path = text.slice(0, end).split(' ', 2)[1] ?? '/';
      text = text.slice(end + 4);
      askHonest(port, path).then(
        (asked) => fault(asked, socket),
        // The test is over, and with it the honest server.
        () => socket.destroy(),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.defer(server, () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  const at = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${at}`, sockets };
}

/**
 * Every fault by its name.
 *
 * @param trap - an address that nobody must ever dial
 */
export function faults(trap: string): ReadonlyMap<string, Fault> {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  return new Map<string, Fault>([
    ['says nothing at all', () => {}],
    ['closes at once', (_, socket) => socket.destroy()],
    ['speaks something else', (_, socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')],
    ['never ends its headers', (_, socket) => drip(socket, 'HTTP/1.1 200 OK\r\n', 'x-a: b\r\n')],
    ['sends headers of a megabyte', (_, socket) => socket.write(hugeHeaders())],
    ['says "in a moment" for ever', (_, socket) => drip(socket, '', 'HTTP/1.1 102 Wait\r\n\r\n')],
    ['switches protocols', (_, socket) => socket.end('HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n')],
    ['redirects', (_, socket) => write(socket, { status: 302, headers: [`location: ${trap}`] })],
    ['redirects pages', onPage((_, socket) => redirect(socket, trap))],
    ['sends a compressed bomb', onPage((_, socket) => coded(socket, 'gzip', bomb))],
    ['chains encodings', onPage((_, socket) => coded(socket, 'gzip, br, gzip', bomb))],
    ['is busy', onPage((_, socket) => write(socket, { status: 503 }))],
    ['answers to another name', onPage((_, socket) => write(socket, { status: 421 }))],
    ['keeps pages to itself', onPage(() => {})],
    ['sends pages a byte at a time', onPage(trickle)],
    ['sends values a byte at a time', onValue(trickle)],
    ['breaks off each page', onPage((asked, socket) => reset(asked, socket, 0.4))],
    ['breaks off each value', onValue((asked, socket) => reset(asked, socket, 0.4))],
    ['promises more than it sends', onPage((asked, socket) => lie(asked, socket, 1000))],
    ['promises less than it sends', onPage((asked, socket) => lie(asked, socket, -100))],
    ['sends chunks without end', onPage(endless)],
    ['nests arrays', onPage((asked, socket) => answer(asked, socket, Buffer.alloc(200_000, 0x91)))],
    ['announces four billion records', onPage((asked, socket) => answer(asked, socket, HUGE))],
    ['sends pages backwards', onList((list) => list.reverse())],
    ['sends each record twice', onList((list) => list.flatMap((one) => [one, one]))],
    ['sends empty pages', onList(() => [])],
    ['leaves a record out', onList((list) => list.filter((_, at) => at !== 1))],
    ['keeps the newest back', onList((list) => list.slice(0, -1))],
    ['sends half a list', onList((list) => list.slice(0, list.length / 2))],
    ['changes a value', onList((list) => list.map((one) => ({ ...one, val: new Uint8Array(9) })))],
    ['changes a key', onList((list) => list.map((one) => ({ ...one, key: 'evil' })))],
    ['changes links', onList((list) => list.map((one) => ({ ...one, prev: 0, prevch: 0 })))],
    ['sends another stream', onList((list) => list.map((o) => ({ ...o, chain: KEY })))],
    ['sends times as floats', onList((list) => list.map((one) => ({ ...one, mod: 1.5 })))],
    ['forges its tip', onSingle((one) => ({ ...one, mod: 9_000_000_000_000_000n }))],
    ['shows a tip of another stream', onSingle((one) => ({ ...one, chain: KEY }))],
    ['has no values', onValue((_, socket) => write(socket, { status: 404 }))],
    ['has other values', onValue((asked, socket) => answer(asked, socket, noiseLike(asked.body)))],
    ['keeps values to itself', onValue(() => {})],
    ['leaves values out, and has none', withoutValues],
  ]);
}

/** Answers truly. */
export function honestly(asked: Asked, socket: Socket): void {
  answer(asked, socket, asked.body);
}

const KEY = new Uint8Array(32).fill(9);
const HUGE = Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]);

type WireMap = Record<string, unknown>;

function onPage(fault: Fault): Fault {
  return (asked, socket) => (asked.kind === 'page' ? fault : honestly)(asked, socket);
}

function onValue(fault: Fault): Fault {
  return (asked, socket) => (asked.kind === 'value' ? fault : honestly)(asked, socket);
}

function onList(change: (list: WireMap[]) => WireMap[]): Fault {
  return onPage((asked, socket) => {
    if (asked.status !== 200) return honestly(asked, socket);
    const list = decode(asked.body, { useBigInt64: true }) as WireMap[];
    return answer(asked, socket, pack(change(list)));
  });
}

function onSingle(change: (record: WireMap) => WireMap): Fault {
  return (asked, socket) => {
    if (asked.kind !== 'single' || asked.status !== 200) return honestly(asked, socket);
    const record = decode(asked.body, { useBigInt64: true }) as WireMap;
    return answer(asked, socket, pack(change(record)));
  };
}

const withoutValues: Fault = (asked, socket) => {
  if (asked.kind === 'value') return write(socket, { status: 404 });
  const strip = onList((list) => list.map(({ val: _, ...record }) => record));
  return strip(asked, socket);
};

function pack(value: unknown): Buffer {
  return Buffer.from(encode(value, { useBigInt64: true }));
}

function noiseLike(body: Buffer): Buffer {
  return Buffer.alloc(body.length, 7);
}

type Reply = {
  readonly status: number;
  readonly headers?: readonly string[];
  readonly body?: Buffer;
};

function write(socket: Socket, { status, headers = [], body = Buffer.alloc(0) }: Reply): void {
  const lines = [`HTTP/1.1 ${status} X`, `content-length: ${body.length}`, ...headers];
  socket.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]));
}

function answer({ status, type, tip }: Asked, socket: Socket, body: Buffer): void {
  const headers = [`content-type: ${type}`, ...(tip === undefined ? [] : [`drayer-tip: ${tip}`])];
  write(socket, { status, headers, body });
}

function redirect(socket: Socket, trap: string): void {
  write(socket, { status: 307, headers: [`location: ${trap}`] });
}

function coded(socket: Socket, encoding: string, body: Buffer): void {
  write(socket, { status: 200, headers: [`content-encoding: ${encoding}`], body });
}

function hugeHeaders(): string {
  return `HTTP/1.1 200 OK\r\n${'x-a: b\r\n'.repeat(120_000)}\r\n`;
}

/** Something, then a little more now and then, as long as anybody listens. */
function drip(socket: Socket, first: string, more: string | Buffer): void {
  // Who has gone already will not be heard to go.
  if (socket.destroyed) return;
  socket.write(first);
  const timer = setInterval(() => socket.write(more), 50);
  socket.once('close', () => clearInterval(timer));
}

const trickle: Fault = ({ body }, socket) => {
  drip(socket, `HTTP/1.1 200 OK\r\ncontent-length: ${body.length + 1e6}\r\n\r\n`, Buffer.from([0]));
};

function reset({ body, tip }: Asked, socket: Socket, share: number): void {
  const head = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\ndrayer-tip: ${tip}\r\n\r\n`;
  socket.write(head);
  socket.write(body.subarray(0, body.length * share), () => socket.resetAndDestroy());
}

function lie({ body }: Asked, socket: Socket, by: number): void {
  const announced = Math.max(0, body.length + by);
  socket.end(
    Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${announced}\r\n\r\n`), body]),
  );
}

/** A value of two gigabytes, for as long as it is taken. */
const endless: Fault = (_, socket) => {
  const chunk = Buffer.alloc(65_536);
  socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
  socket.write('b\r\n');
  // A list of one map of one field: val, bin 32.
  socket.write(Buffer.from([0x91, 0x81, 0xa3, 0x76, 0x61, 0x6c, 0xc6, 0x7f, 0xff, 0xff, 0xff]));
  socket.write('\r\n');
  const more = (): void => {
    while (!socket.destroyed && socket.write(Buffer.concat([SIZE, chunk, END]))) {
      // As much as goes.
    }
    if (!socket.destroyed) socket.once('drain', more);
  };
  more();
};
const SIZE = Buffer.from('10000\r\n');
const END = Buffer.from('\r\n');

function askHonest(port: number, path: string): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('error', reject);
      reply.on('end', () => {
        const tip = reply.headers['drayer-tip'];
        resolve({
          path,
          kind: kindOf(path),
          status: reply.statusCode ?? 0,
          type: reply.headers['content-type'] ?? '',
          tip: typeof tip === 'string' ? tip : undefined,
          body: Buffer.concat(chunks),
        });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

function kindOf(path: string): Asked['kind'] {
  if (path.includes('/newRecords/')) return 'page';
  if (path.includes('/crdr/')) return 'single';
  return path.includes('/value/') ? 'value' : 'other';
}
