/**
 * A server of many streams, to be measured: `crowd-child.ts DATA_DIR [FOLDER]` is the daemon of a data folder
 * that keeps the mirrors in it, and serves all streams of another folder too. Prints `ready PORT`; for each
 * line on stdin what it takes, as JSON.
 */
import { existsSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runDaemon } from '../../src/daemon/run-daemon.ts';

/** What a process takes. */
export type Taken = {
  readonly rssMb: number;
  readonly descriptors: number;
  readonly served: number;
  readonly followed: number;
  /** CPU time so far, ms. */
  readonly cpuMs: number;
  readonly errors: readonly string[];
};

const [, , dataDir = '', folder] = process.argv;
const errors: string[] = [];
const names = folder === undefined || !existsSync(folder) ? [] : readdirSync(folder);
const daemon = await runDaemon({
  streams: names
    .filter((name) => name.endsWith('.stream'))
    .map((name) => ({ path: join(folder ?? '', name) })),
  dataDir,
  port: 0,
  version: 'test',
  onProblem: (_, { message }) => errors.push(message),
  onError: (error) => errors.push(String(error)),
});
writeSync(1, `ready ${daemon.port}\n`);

let asked = 0;
createInterface({ input: process.stdin })
  .on('line', () => {
    asked += 1;
    writeSync(1, `taken ${asked} ${JSON.stringify(taken())}\n`);
  })
  .once('close', () => void daemon.close());

function taken(): Taken {
  const { user, system } = process.cpuUsage();
  const [, kb = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return {
    rssMb: Number(kb) / 1000,
    descriptors: readdirSync('/proc/self/fd').length,
    served: daemon.served().length,
    followed: daemon.keeper?.list().filter(({ seenMs }) => seenMs !== undefined).length ?? 0,
    cpuMs: (user + system) / 1000,
    errors,
  };
}
