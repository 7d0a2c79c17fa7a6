/**
 * A disk whose power can be cut: an ext4 image on a loop device. What the kernel had not handed to the device
 * by then is gone, as it is when a machine loses power. Linux, root.
 */
import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Scope } from './scope.ts';

/** A disk in its machine. */
export type Disk = {
  /** Path of `name` on it, the same after each cut. */
  path(...name: string[]): string;
  /**
   * Ends this process and the machine in one moment, and starts it again with what the disk has.
   *
   * @param look - what anybody could see in that moment
   */
  cut<T>(child: ChildProcess, look: () => T): T;
};

const IMAGE_BYTES = 64 * 2 ** 20;
/** Metadata is written early or late, before what it names or after. */
const MOUNTS = ['commit=60', 'commit=1', 'commit=1,data=writeback,noauto_da_alloc'];

/** The suite's own way to add a test; where no such disk can be made, its way to skip one, and it is said why. */
export function whereThereIsADisk<T>(test: T & { readonly skip: T }): T {
  const reason = whyNoDisk();
  if (reason !== undefined) console.log(`power cuts are skipped: ${reason}`);
  return reason === undefined ? test : test.skip;
}

function whyNoDisk(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root may mount a disk';
  if (spawnSync('mkfs.ext4', ['-V']).status !== 0) return 'mkfs.ext4 is not installed';
  return spawnSync('losetup', ['-f']).status === 0 ? undefined : 'there is no loop device';
}

/** Makes an empty disk; it is taken out at the end of the test. */
export function plugIn(t: Scope, pick: <T>(from: readonly T[]) => T): Disk {
  const at = t.path('disk');
  const image = t.path('disk.img');
  const copy = t.path('copy.img');
  mkdirSync(at);
  writeFileSync(image, '');
  truncateSync(image, IMAGE_BYTES);
  run('mkfs.ext4', '-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image);
  const mount = (): unknown => run('mount', '-o', `loop,${pick(MOUNTS)}`, image, at);
  mount();
  t.defer(at, () => run('umount', at));
  return {
    path: (...name) => join(at, ...name),
    cut(child, look) {
      stop(child);
      // The kernel writes on its own: what did not change between two looks is one moment's.
      do run('cp', '--sparse=always', image, copy);
      while (!readFileSync(image).equals(readFileSync(copy)));
      const seen = look();
      child.kill('SIGKILL');
      unmountFreed(at);
      renameSync(copy, image);
      mount();
      return seen;
    },
  };
}

/** Stops all threads of a process: each ends the system call it is in. */
function stop(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null || !child.kill('SIGSTOP')) return;
  const tasks = `/proc/${child.pid}/task`;
  const isStopped = (task: string): boolean => {
    try {
      return /^\d+ \(.*\) [TZX]/.test(readFileSync(`${tasks}/${task}/stat`, 'utf8'));
    } catch {
      // A thread that has ended.
      return true;
    }
  };
  while (existsSync(tasks) && !readdirSync(tasks).every(isStopped)) pause();
}

/** A process that was killed holds its files for a moment more. */
function unmountFreed(at: string): void {
  for (let tries = 0; tries < 500; tries += 1) {
    if (spawnSync('umount', [at]).status === 0) return;
    pause();
  }
  run('umount', at);
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
