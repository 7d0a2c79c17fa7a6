/** `drayer allow [key]` and `drayer deny [key]`: the operator's lists of the data folder. */
import { DrayerError, EXIT } from '../../core/errors.ts';
import { changeKeys, type KeyListName, listKeys } from '../../daemon/key-lists.ts';
import type { Session } from '../session.ts';

/** Flags of both. */
export type AllowFlags = {
  readonly remove?: boolean | undefined;
  readonly dataDir?: string | undefined;
};

type Words = {
  /** Name of the list in JSON. */
  readonly list: string;
  readonly added: string;
  readonly there: string;
  readonly removed: string;
  readonly absent: string;
  readonly none: string;
};

const WORDS: Readonly<Record<KeyListName, Words>> = {
  allow: {
    list: 'allowed',
    added: 'may push',
    there: 'may push already',
    removed: 'may not push any more',
    absent: 'could not push',
    none: 'no key may push here; drayer allow KEY allows one',
  },
  deny: {
    list: 'denied',
    added: 'is not served any more',
    there: 'was not served before either',
    removed: 'may be served again',
    absent: 'was not denied',
    none: 'no stream is denied here; drayer deny ID denies one',
  },
};

/** Lists the keys, adds one, or takes one out; a server that runs notices. */
export async function allow(
  session: Session,
  key: string | undefined,
  flags: AllowFlags,
): Promise<number> {
  return await editList(session, key, { ...flags, name: 'allow' });
}

/** The same for streams that are not served, whoever puts them here. */
export async function deny(
  session: Session,
  key: string | undefined,
  flags: AllowFlags,
): Promise<number> {
  return await editList(session, key, { ...flags, name: 'deny' });
}

async function editList(
  session: Session,
  key: string | undefined,
  { name, remove = false, dataDir: given }: AllowFlags & { readonly name: KeyListName },
): Promise<number> {
  const { terminal } = session;
  const { dataDir } = await session.settings({ dataDir: given });
  const words = WORDS[name];
  if (key === undefined) {
    if (remove) throw new DrayerError('USAGE', 'expected a key to remove, got none');
    return list(session, listKeys(dataDir, name), words);
  }
  const { id, changed } = changeKeys(dataDir, name, { key, wish: remove ? 'remove' : 'add' });
  if (terminal.isJson) {
    terminal.printJson({ id, changed, [words.list]: listKeys(dataDir, name) });
    return EXIT.done;
  }
  const [done, before] = remove ? [words.removed, words.absent] : [words.added, words.there];
  terminal.print(`${changed ? done : before}: ${id}`);
  return EXIT.done;
}

function list({ terminal }: Session, ids: readonly string[], words: Words): number {
  if (terminal.isJson) terminal.printJson({ [words.list]: ids });
  else for (const id of ids) terminal.print(id);
  if (ids.length === 0) terminal.say(words.none);
  return EXIT.done;
}
