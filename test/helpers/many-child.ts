/**
 * A daemon with many streams, on the local network and in a DHT:
 *
 *   publish DIRECTORY BOOTSTRAP COUNT       makes the streams; prints `up URL`, and `id BASE64` of each
 *   mirror DIRECTORY BOOTSTRAP URL ID…      follows them; prints `up` once it has all
 *
 * A line on stdin is answered with `used MS MB` of this process, and of the one of the DHT.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseStreamId } from '../../src/core/stream-id.ts';
import { type Daemon, startDaemon } from '../../src/daemon/daemon.ts';
import { withDht } from '../../src/daemon/dht.ts';
import { writeKept } from '../../src/daemon/kept-mirrors.ts';
import { runDaemon } from '../../src/daemon/run-daemon.ts';
import { makeDataDir, mirrorPathOf } from '../../src/mirror/data-dir.ts';
import { createStream } from '../../src/store/open-stream.ts';

const [, , role, directory = '', bootstrap = '', ...rest] = process.argv;
const config = { bootstrap: [bootstrap], anyAddress: true, dataDir: directory };
/** As `drayer serve` has one. */
const operator = { dataDir: directory };
const say = (...words: unknown[]): void => console.log(words.join(' '));

if (role === 'publish') await publish(Number(rest[0]));
else await mirror(rest[0] ?? '', rest.slice(1));
createInterface({ input: process.stdin }).on('line', () => {
  for (const pid of [process.pid, ...children()]) say('used', pid, ...usedBy(pid));
  say('end');
});

async function publish(count: number): Promise<void> {
  const streams = Array.from({ length: count }, (_, at) => {
    const path = join(directory, `${at}.stream`);
    const stream = createStream(path);
    stream.putFile('index.html', Buffer.from(`page ${at}`));
    say('id', stream.id);
    stream.close();
    return { path };
  });
  const daemon: Daemon = await withDht(
    startDaemon,
    config,
  )({ streams, port: 0, lan: true, operator });
  say('up', `http://127.0.0.1:${daemon.port}`);
}

async function mirror(url: string, ids: readonly string[]): Promise<void> {
  makeDataDir(directory);
  for (const id of ids) {
    const path = mirrorPathOf(parseStreamId(id), directory);
    writeKept({ path, id, urls: [url], isHidden: false, quota: undefined });
  }
  const missing = new Set(ids);
  const onMirrored = ({ id }: { readonly id: string }): void => {
    if (missing.delete(id) && missing.size === 0) say('up');
  };
  await withDht(
    (options) => runDaemon({ ...options, dataDir: directory, version: 'test', onMirrored }),
    config,
  )({ streams: [], port: 0, lan: true, operator });
}

/** Ids of the processes that this one has begun. */
function children(): number[] {
  const text = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

/** Processor time in ms, and memory in MB. */
function usedBy(pid: number): readonly [ms: number, mb: number] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const [, kb = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  // In hundredths of a second, as Linux counts for everybody.
  return [(Number(stat[11]) + Number(stat[12])) * 10, Math.round(Number(kb) / 1000)];
}
