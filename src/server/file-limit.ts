/** How many connections this process has file descriptors for. */
import { readFileSync } from 'node:fs';

/** Kept for streams, three files each, their `newRecords` readers, logs and node itself. */
const KEPT = 256;
const LEAST = 16;

/** Returns `wanted`, or as many as the process may open beside its files. */
export function affordableConnections(wanted: number, mostFiles: number = mostOpenFiles()): number {
  return Math.max(LEAST, Math.min(wanted, mostFiles - KEPT));
}

/** The soft limit on open files; infinite where nobody says. Linux alone tells without a program. */
function mostOpenFiles(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch (error) {
    if (error instanceof Error && 'code' in error) return Number.POSITIVE_INFINITY;
    throw error;
  }
}
