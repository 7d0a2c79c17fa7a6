/** The lists of keys that an operator keeps by commands: who may push, and what is not served. */
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import { makeDataDir } from '../mirror/data-dir.ts';
import {
  allowListOf,
  denyListOf,
  type KeyList,
  readKeyList,
  unwantedListOf,
  writeKeyList,
} from '../store/key-list.ts';

/** One of the lists. */
export type KeyListName = 'allow' | 'deny';

/** Returns the ids on a list, base64. */
export function listKeys(dataDir: string, name: KeyListName): string[] {
  return readKeyList(listOf(dataDir, name));
}

/**
 * Adds a key to a list, or takes it out.
 *
 * @param key - in any spelling
 * @returns the id, base64, and whether anything changed
 * @throws {DrayerError} STREAM_ID_INVALID
 */
export function changeKeys(
  dataDir: string,
  name: KeyListName | 'unwanted',
  { key, wish }: { readonly key: string; readonly wish: 'add' | 'remove' },
): { readonly id: string; readonly changed: boolean } {
  const id = formatStreamId(parseStreamId(key));
  const list = listOf(dataDir, name);
  const before = readKeyList(list);
  const changed = before.includes(id) !== (wish === 'add');
  if (!changed) return { id, changed };
  makeDataDir(dataDir);
  const others = before.filter((one) => one !== id);
  writeKeyList(list, wish === 'add' ? [...others, id] : others);
  return { id, changed };
}

function listOf(dataDir: string, name: KeyListName | 'unwanted'): KeyList {
  if (name === 'unwanted') return unwantedListOf(dataDir);
  return name === 'allow' ? allowListOf(dataDir) : denyListOf(dataDir);
}
