/** Says which process listens on a TCP port, as far as Linux tells us; elsewhere nothing is known. */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** A process that listens on a port. */
export type PortHolder = {
  readonly pid: number;
  /** Its command line, at most 120 printable characters. */
  readonly command: string;
};

// State 0A is LISTEN (include/net/tcp_states.h).
const LISTEN_LINE = /^\s*\d+:\s+[0-9A-F]+:([0-9A-F]{4})\s+\S+\s+0A\s+(?:\S+\s+){5}(\d+)/;

/**
 * Finds who listens on `port`.
 *
 * @returns undefined when nobody does, when the process belongs to another user, or off Linux
 */
export async function findPortHolder(port: number): Promise<PortHolder | undefined> {
  if (process.platform !== 'linux') return undefined;
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => read(`/proc/net/${name}`)));
  const sockets = new Set(listeningInodes(tables.join('\n'), port).map((n) => `socket:[${n}]`));
  if (sockets.size === 0) return undefined;
  for (const name of await list('/proc')) {
    if (/^\d+$/.test(name) && (await holdsSocket(name, sockets))) {
      return { pid: Number(name), command: await commandOf(name) };
    }
  }
  return undefined;
}

/** Reads the inodes of the sockets that listen on `port` out of the text of /proc/net/tcp. */
export function listeningInodes(table: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return table.split('\n').flatMap((line) => {
    const match = LISTEN_LINE.exec(line);
    return match?.[1] === hex && match[2] !== undefined ? [match[2]] : [];
  });
}

async function holdsSocket(pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const directory = `/proc/${pid}/fd`;
  const links = (await list(directory)).map((fd) => orEmpty(readlink(`${directory}/${fd}`), ''));
  return (await Promise.all(links)).some((link) => sockets.has(link));
}

async function commandOf(pid: string): Promise<string> {
  const line = (await read(`/proc/${pid}/cmdline`)).replaceAll('\0', ' ').trim();
  return line.replace(/[^ -~]/g, '?').slice(0, 120);
}

function list(directory: string): Promise<string[]> {
  return orEmpty(readdir(directory), []);
}

function read(path: string): Promise<string> {
  return orEmpty(readFile(path, 'utf8'), '');
}

// Processes come and go while we look, and most belong to others.
const GONE = new Set(['ENOENT', 'EACCES', 'EPERM', 'ESRCH', 'EINVAL', 'ENOTDIR']);

async function orEmpty<T>(promise: Promise<T>, empty: T): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof Error && 'code' in error && GONE.has(String(error.code))) return empty;
    throw error;
  }
}
