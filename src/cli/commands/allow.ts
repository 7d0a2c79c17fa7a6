/** `drayer allow [key]`: whose streams may be pushed to the server of this data folder. */
import { DrayerError, EXIT } from '../../core/errors.ts';
import { changeAllowed, listAllowed } from '../../daemon/push-settings.ts';
import type { Session } from '../session.ts';

/** Flags of `drayer allow`. */
export type AllowFlags = {
  readonly remove?: boolean | undefined;
  readonly dataDir?: string | undefined;
};

/** Lists the keys, adds one, or takes one out; a server that runs notices. */
export async function allow(
  session: Session,
  key: string | undefined,
  { remove = false, dataDir: given }: AllowFlags,
): Promise<number> {
  const { terminal } = session;
  const { dataDir } = await session.settings({ dataDir: given });
  if (key === undefined) {
    if (remove) throw new DrayerError('USAGE', 'expected a key to remove, got none');
    return list(session, dataDir);
  }
  const { id, changed } = changeAllowed(dataDir, key, remove ? 'remove' : 'add');
  if (terminal.isJson) {
    terminal.printJson({ id, changed, allowed: listAllowed(dataDir) });
    return EXIT.done;
  }
  if (remove) terminal.print(changed ? `may not push any more: ${id}` : `could not push: ${id}`);
  else terminal.print(changed ? `may push: ${id}` : `may push already: ${id}`);
  return EXIT.done;
}

function list({ terminal }: Session, dataDir: string): number {
  const allowed = listAllowed(dataDir);
  if (terminal.isJson) terminal.printJson({ allowed });
  else for (const id of allowed) terminal.print(id);
  if (allowed.length === 0) terminal.say('no key may push here; drayer allow KEY allows one');
  return EXIT.done;
}
