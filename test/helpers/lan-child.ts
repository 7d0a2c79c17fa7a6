/**
 * A machine on a local network: a publisher, or a mirror that knows nothing but the key. Prints what
 * happens, with the time on the clock that all processes of a machine share.
 *
 *   publish DIRECTORY        prints `key BASE64`; takes lines `set KEY TEXT`
 *   mirror DIRECTORY KEY     finds it, copies it, keeps it up to date; with `quiet`, without --lan then
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseStreamId } from '../../src/core/stream-id.ts';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { writeKept } from '../../src/daemon/kept-mirrors.ts';
import { runDaemon } from '../../src/daemon/run-daemon.ts';
import { findOnLan } from '../../src/discovery/find-on-lan.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { createStream } from '../../src/store/open-stream.ts';

const [role, directory = '', key = '', how] = process.argv.slice(2);
const say = (...words: unknown[]): void => console.log(words.join(' '));
const nowMs = (): string => (Number(process.hrtime.bigint()) / 1e6).toFixed(2);
const onNetworks = (networks: readonly string[]): void => say('networks', ...networks);
const onError = (error: unknown): void => say('error', error);

if (role === 'publish') await publish();
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
