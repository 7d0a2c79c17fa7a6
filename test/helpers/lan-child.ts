/**
 * A machine on a local network: a publisher, or a mirror that knows nothing but the key. Prints what
 * happens, with the time on the clock that all processes of a machine share.
 *
 *   publish DIRECTORY        prints `key BASE64`; takes lines `set KEY TEXT`
 *   mirror DIRECTORY KEY     finds it, copies it, keeps it up to date; with `quiet`, without --lan then
 *   named DIRECTORY NAME     a site of that name; prints `name ADDRESS`, ends properly with SIGTERM; with a
 *                            number, served by so many processes; prints `serves PID…` when all of them do
 *   shelf DIRECTORY COUNT    so many streams; prints `key BASE64` for each
 *   kiosk DIRECTORY [COUNT]  mirrors what is nearby, so many streams, or 4; prints `taken ID`, `failed ID CODE`
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseStreamId } from '../../src/core/stream-id.ts';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { writeKept } from '../../src/daemon/kept-mirrors.ts';
import { runDaemon } from '../../src/daemon/run-daemon.ts';
import { findOnLan } from '../../src/discovery/find-on-lan.ts';
import { encodeFile } from '../../src/files/file-record.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { createStream } from '../../src/store/open-stream.ts';

const [role, directory = '', key = '', how] = process.argv.slice(2);
const say = (...words: unknown[]): void => console.log(words.join(' '));
const nowMs = (): string => (Number(process.hrtime.bigint()) / 1e6).toFixed(2);
const onNetworks = (networks: readonly string[]): void => say('networks', ...networks);
const onError = (error: unknown): void => say('error', error);

if (role === 'publish') await publish();
else if (role === 'named') await named();
else if (role === 'shelf') await shelf(Number(key));
else if (role === 'kiosk') await kiosk();
else await mirror();

async function publish(): Promise<void> {
  const path = join(directory, 'site.stream');
  const stream = createStream(path);
  stream.set('first', 'one');
  stream.on('change', ({ tip }) => say('swap', tip, nowMs()));
  await startDaemon({ streams: [{ path }], port: 33_125, lan: true, onNetworks, onError });
  createInterface({ input: process.stdin }).on('line', (line) => {
    const [, name = '', text = ''] = line.split(' ');
    stream.set(name, text);
  });
  say('key', stream.id);
}

async function mirror(): Promise<void> {
  const publicKey = parseStreamId(key);
  const url = await findOnLan(publicKey, { timeoutMs: 10_000 });
  if (url === undefined) throw new Error('nobody has it');
  say('found', url);
  const { path, generation } = await mirrorStream({ url, publicKey, dataDir: directory });
  writeKept({ path, id: key, urls: [url], isHidden: false, quota: undefined });
  await runDaemon({
    dataDir: directory,
    streams: [],
    port: 33_125,
    lan: how !== 'quiet',
    host: how === 'quiet' ? '0.0.0.0' : undefined,
    version: 'test',
    onNetworks,
    onError,
    onMirrored: (report) => say('swap', report.generation.tip, nowMs()),
  });
  say('mirrors', generation.tip);
}

async function named(): Promise<void> {
  const path = join(directory, 'site.stream');
  const stream = createStream(path);
  const page = new TextEncoder().encode(`the ${key} of ${directory}`);
  stream.transaction((tx) =>
    tx.setBytes('file', 'index.html', encodeFile(page, { timeMicros: 1 })),
  );
  const daemon = await startDaemon({
    streams: [{ path, name: key }],
    port: 33_125,
    lan: true,
    workers: Number(how ?? 1),
    onNetworks,
    onError,
    onName: (id, address) => say('name', address, id),
  });
  process.once('SIGTERM', () => void daemon.close().then(() => say('closed')));
  say('key', stream.id);
  while (daemon.workers().length < Number(how ?? 1) - 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  say('serves', ...daemon.workers());
}

async function shelf(count: number): Promise<void> {
  const streams = Array.from({ length: count }, (_, at) => {
    const path = join(directory, `${at}.stream`);
    const stream = createStream(path);
    stream.set('text', 'x'.repeat(10));
    return { path, id: stream.id };
  });
  await startDaemon({ streams, port: 33_125, lan: true, onNetworks, onError });
  for (const { id } of streams) say('key', id);
}

async function kiosk(): Promise<void> {
  const daemon = await runDaemon({
    dataDir: directory,
    streams: [],
    port: 33_125,
    lan: true,
    version: 'test',
    autoMirror: { streams: Number(key || 4), streamBytes: 100_000, freeBytes: 1 },
    onNetworks,
    onError,
    onAuto: {
      onTaken: (id) => say('taken', id),
      onFailed: (id, _, { code }) => say('failed', id, code),
      onFull: (reason) => say('full', reason),
    },
  });
  say('keeps', daemon.served().length);
}
