/** Runs a process to its end and measures it: wall time from spawn to exit, and peak memory. */
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';

/** What one run of a process cost. */
export type Run = {
  /** From spawn to exit. */
  readonly ms: number;
  /** Peak resident memory of the process with its threads, MB; 0 where it is not a Node process. */
  readonly peakMb: number;
  readonly stdout: string;
};

const RSS_FILE = join(tmpdir(), `drayer-bench-rss-${process.pid}`);
const RSS_HOOK = join(tmpdir(), `drayer-bench-rss-${process.pid}.cjs`);
writeFileSync(
  RSS_HOOK,
  `if (require('worker_threads').isMainThread) process.on('exit', () => require('fs').writeFileSync(process.env.BENCH_RSS, String(process.resourceUsage().maxRSS)));`,
);
process.on('exit', () => {
  rmSync(RSS_HOOK, { force: true });
  rmSync(RSS_FILE, { force: true });
});

/** Options of {@link run}. */
export type RunOptions = {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
};

/** Runs `node args…` and measures it; throws when it fails. */
export function runNode(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  return run(process.execPath, ['--require', RSS_HOOK, ...args], options);
}

/** Runs a command and measures it; throws when it fails. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Run> {
  rmSync(RSS_FILE, { force: true });
  const start = performance.now();
  const child = spawn(command, args, {
    // Not in the project: its own configuration would be taken.
    cwd: options.cwd ?? tmpdir(),
    env: { ...process.env, CI: 'true', ...options.env, BENCH_RSS: RSS_FILE },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const status = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const ms = performance.now() - start;
  if (status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: exit ${String(status)}\n${stdout}${stderr}`);
  }
  return { ms, peakMb: readPeak(), stdout };
}

/** More than anything that is measured takes, files that it writes included. */
const TOUCHED_BYTES = 700_000_000;

/**
 * Waits until the disk has what was written: it would be paid for by whatever is measured next. Then touches
 * memory, and reads what that is going to read: a virtual machine that gives free memory back to its host has to
 * ask for each page again, up to half a second for 180 MB, and forgets a file within seconds.
 */
export async function settle(...paths: readonly string[]): Promise<void> {
  await run('sync', []);
  await diskIsIdle();
  const bytes = Math.floor(Math.min(TOUCHED_BYTES, freemem() / 2));
  await run(process.execPath, ['-e', `Buffer.alloc(${bytes}, 1)`]);
  for (const path of paths) readThrough(path);
}

/** What was removed is given back to the disk after sync has returned. */
async function diskIsIdle(): Promise<void> {
  const end = performance.now() + 5_000;
  for (let before = ''; performance.now() < end; ) {
    const now = existsSync(DISKS) ? readFileSync(DISKS, 'utf8') : before;
    if (now === before) return;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const ASIDE = '.old';

/**
 * Makes an empty folder. What was there is put aside, and removed by {@link removeLeft} in the end: for some
 * minutes after many were removed, whoever makes ten thousand files on ext4 (git, rsync) takes up to ten times
 * as long; it seems to look past every inode that was freed lately.
 */
export function freshFolder(path: string): void {
  if (existsSync(path)) renameSync(path, `${path}-${Date.now()}${ASIDE}`);
  mkdirSync(path, { recursive: true });
}

/** Removes what was put aside in this folder. */
export function removeLeft(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name.endsWith(ASIDE)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** Counts of what each disk has done; Linux only. */
const DISKS = '/proc/diskstats';

function readThrough(path: string): void {
  if (!statSync(path).isDirectory()) {
    readFileSync(path);
    return;
  }
  for (const name of readdirSync(path)) readThrough(join(path, name));
}

/** Runs both in turn, since a machine is not the same a minute later; returns the median of each. */
export async function sideBySide(
  times: number,
  one: () => Promise<Run>,
  other: () => Promise<Run>,
): Promise<readonly [Run, Run]> {
  const others: Run[] = [];
  const middle = await median(times, async () => {
    others.push(await other());
    return one();
  });
  return [middle, middleOf(others)];
}

/** Runs `body` a few times and returns the run with the median wall time. */
export async function median(times: number, body: (round: number) => Promise<Run>): Promise<Run> {
  const runs: Run[] = [];
  for (let round = 0; round < times; round += 1) runs.push(await body(round));
  return middleOf(runs);
}

function middleOf(unsorted: readonly Run[]): Run {
  const runs = [...unsorted].sort((a, b) => a.ms - b.ms);
  const middle = runs[Math.floor(runs.length / 2)];
  if (middle === undefined) throw new Error('no runs');
  return { ...middle, peakMb: Math.max(...runs.map((one) => one.peakMb)) };
}

function readPeak(): number {
  try {
    return Number(readFileSync(RSS_FILE, 'utf8')) / 1024;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}
