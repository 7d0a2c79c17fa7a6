/**
 * A node of a network: a daemon that does what it is told on stdin, a JSON object a line, and prints what
 * it has. `net-node.ts DATA_DIR PORT [OWN_STREAM]`.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Database from 'better-sqlite3';
import { runDaemon } from '../../src/daemon/run-daemon.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { createStream, openStream } from '../../src/store/open-stream.ts';
import { noise } from './published.ts';
import { digest, streamRows } from './stream-rows.ts';

/** What a node has. */
export type NodeState = {
  readonly seq: number;
  /** SHA-256 over every column of every record. */
  readonly rows: string;
  /** SHA-256 over keys and contents, as a shadow model works it out too. */
  readonly content: string;
  /** Bytes of the largest log of a stream. */
  readonly walBytes: number;
  /** After everything that is not needed was collected. */
  readonly heldMb: number;
  readonly descriptors: number;
};

/** What a node can be told. */
export type NodeWish =
  | { readonly do: 'edit'; readonly puts: readonly Put[]; readonly removes: readonly string[] }
  | { readonly do: 'mirror'; readonly id: string; readonly url: string }
  | { readonly do: 'state' }
  | { readonly do: 'spoil'; readonly how: 'content' | 'log' | 'memory' };

type Order = NodeWish & { readonly n: number };

/** A content that both sides can make. */
export type Put = { readonly key: string; readonly length: number; readonly seed: number };

/** The type of the records that are edited. */
export const EDITED_TYPE = 'edited';

const [, , dataDir = '', port = '0', ownPath] = process.argv;
const own = ownPath === undefined ? undefined : openOwn(ownPath);
const path = (): string =>
  ownPath ?? join(dataDir, readdirSync(dataDir).find((name) => name.endsWith('.stream')) ?? 'none');
const hoard: unknown[] = [];

const daemon = await runDaemon({
  streams: own === undefined ? [] : [{ path: own.path }],
  dataDir,
  port: Number(port),
  host: '0.0.0.0',
  version: 'test',
  sourcePollMs: 1000,
  onMirrored: () => say({ event: 'mirrored', ...contentOf(path()) }),
  onProblem: (_, { code, message }) => say({ event: 'problem', code, message }),
  onError: (error) => say({ event: 'error', error: String(error) }),
});
say({ event: 'ready', id: own?.id });

createInterface({ input: process.stdin }).on('line', (line) => void obey(JSON.parse(line)));

async function obey(order: Order): Promise<void> {
  try {
    say({ n: order.n, ...(await answer(order)) });
  } catch (error) {
    say({ n: order.n, failed: error instanceof Error ? error.message : String(error) });
  }
}

async function answer(order: Order): Promise<object> {
  switch (order.do) {
    case 'edit':
      own?.transaction((tx) => {
        for (const { key, length, seed } of order.puts) {
          tx.setBytes(EDITED_TYPE, key, noise(length, seed));
        }
        for (const key of order.removes) tx.deleteBytes(EDITED_TYPE, key);
      });
      return contentOf(path());
    case 'mirror': {
      const { id, url } = order;
      const signal = new AbortController().signal;
      const done = await daemon.keeper?.mirror({ id, url }, { signal });
      if (done !== undefined) daemon.add({ path: done.kept.path });
      return {};
    }
    case 'state':
      return stateOf(path());
    case 'spoil':
      spoil(order.how);
      return {};
  }
}

function openOwn(file: string): ReturnType<typeof openStream> {
  return existsSync(file) ? openStream(file) : createStream(file);
}

function stateOf(file: string): NodeState | { readonly seq: 0 } {
  if (!existsSync(file)) return { seq: 0 };
  const logs = [dataDir, join(file, '..')].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('-wal'))
      .map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
  );
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return {
    ...contentOf(file),
    walBytes: Math.max(0, ...logs),
    heldMb: (heapUsed + external) / 1e6,
    descriptors: readdirSync('/proc/self/fd').length,
  };
}

function contentOf(file: string): Pick<NodeState, 'seq' | 'rows' | 'content'> {
  const reader = openReader(file);
  try {
    const [seq, entries] = reader.reading(() => [
      reader.generation().snapshot?.seq ?? 0,
      [...reader.entries({ type: EDITED_TYPE })].map((record) => {
        const value = reader.readValue(record);
        return `${record.key} ${value && digest(value)}`;
      }),
    ]);
    const rows = createHash('sha256').update(streamRows(file).join('\n')).digest('hex');
    return { seq, rows, content: digest(Buffer.from(entries.sort().join('\n'))) };
  } finally {
    reader.close();
  }
}

/** What must never be, so that it can be seen that it would be noticed. */
function spoil(how: 'content' | 'log' | 'memory'): void {
  if (how === 'memory') {
    hoard.push(Buffer.alloc(300_000_000, 1));
    return;
  }
  const database = new Database(path());
  if (how === 'log') {
    // As a reader that never ends: nothing can be moved out of the log.
    database.exec('BEGIN');
    database.prepare('SELECT count(*) FROM record').get();
    hoard.push(database);
    return;
  }
  database.prepare("UPDATE record SET value = zeroblob(9) WHERE type = 'edited'").run();
  database.close();
}

function say(what: object): void {
  // At once, so that a line is out before whatever comes after it, SIGKILL too.
  writeSync(1, `${JSON.stringify(what)}\n`);
}
