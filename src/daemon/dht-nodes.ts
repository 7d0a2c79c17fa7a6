/** `dht-nodes.json`: nodes of the DHT that were there the last time. What is not as we write it is nothing. */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { parseContact } from '../discovery/dht-address.ts';
import { replaceSynced } from '../store/durable-file.ts';

const MOST_BYTES = 16_384;
const MOST_NODES = 60;

/** Reads them, `HOST:PORT`, 60 at most; none where the file is not there, too long, or anything else. */
export function readNodes(dataDir: string): readonly string[] {
  try {
    const nodes: unknown = JSON.parse(beginOf(pathOf(dataDir)));
    if (!Array.isArray(nodes)) return [];
    return nodes
      .filter(
        (node): node is string => typeof node === 'string' && parseContact(node) !== undefined,
      )
      .slice(0, MOST_NODES);
  } catch {
    // It begins with the usual nodes.
    return [];
  }
}

/** Writes them in the place of those that were there. */
export function writeNodes(dataDir: string, nodes: readonly string[]): void {
  try {
    replaceSynced(pathOf(dataDir), `${JSON.stringify(nodes.slice(0, MOST_NODES))}\n`, 0o600);
  } catch {
    // The next time takes a little longer, and that is all.
  }
}

function pathOf(dataDir: string): string {
  return join(dataDir, 'dht-nodes.json');
}

/** A file that is longer than ours ever are is cut off, and then is no JSON. */
function beginOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(MOST_BYTES);
    return bytes.toString('utf8', 0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}
