/** Ending a child process with everything it has started. */
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Whether a detached child leads a group. Windows has none; there only the child itself is ended. */
export const hasGroups: boolean = process.platform !== 'win32';

const GRACE_MS = 2000;
const POLL_MS = 25;

/**
 * Sends a signal to the group of a detached child, two seconds later SIGKILL; resolves when all have
 * ended. One that the kernel does not let go within two more seconds (a dead network disk) is left.
 */
export async function endGroup(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  signalGroup(child, signal);
  if (await hasEnded(child)) return;
  signalGroup(child, 'SIGKILL');
  await hasEnded(child);
}

async function hasEnded(child: ChildProcess): Promise<boolean> {
  const deadline = performance.now() + GRACE_MS;
  while (isGroupThere(child)) {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** Sends a signal to the group of a detached child; to one that has ended, nothing. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (hasGroups && child.pid !== undefined) tryKill(-child.pid, signal);
  else child.kill(signal);
}

function isGroupThere({ pid, exitCode, signalCode }: ChildProcess): boolean {
  if (!hasGroups) return exitCode === null && signalCode === null;
  if (pid === undefined || !tryKill(-pid, 0)) return false;
  return process.platform !== 'linux' || hasLiving(pid);
}

// In many containers the first process is slow to collect those whose parent has ended, or never does
// it; until then they count as members of their group.
function hasLiving(group: number): boolean {
  const running = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return running.some((pid) => {
    // The name, in parentheses, may hold anything; state, parent and group follow it.
    const [state, , of] = statOf(pid).split(') ').at(-1)?.split(' ') ?? [];
    return state !== 'Z' && Number(of) === group;
  });
}

function statOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // It has ended meanwhile, or is none of ours.
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return '';
    throw error;
  }
}

/** Tells whether there was anything to send it to. */
function tryKill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // EPERM: macOS says so of a group in which all have ended and are not yet waited for.
    if (code === 'ESRCH' || code === 'EPERM') return false;
    throw error;
  }
}
