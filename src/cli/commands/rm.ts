/** `drayer rm <stream> <path…>`: files out of a site, or other records out of a stream. */
import { relative } from 'node:path';
import { EXIT } from '../../core/errors.ts';
import { foreseePublish, removeRecords } from '../../daemon/edit-files.ts';
import { FILE_TYPE } from '../../store/typed-reads.ts';
import { count } from '../format.ts';
import { recordType } from '../record-type.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';
import {
  chooseTarget,
  type EditFlags,
  editAndTell,
  folderOf,
  inGeneration,
  jsonEdit,
} from './edit-output.ts';

/** Flags of `drayer rm`. */
export type RmFlags = EditFlags & {
  readonly recursive?: boolean | undefined;
  readonly type?: string | undefined;
};

/** Removes all of the paths in one generation, or none. */
export async function rm(
  session: Session,
  name: string,
  paths: readonly string[],
  { recursive = false, ...flags }: RmFlags,
): Promise<number> {
  const { terminal } = session;
  const type = recordType(flags.type ?? FILE_TYPE);
  const { stream, target } = await chooseTarget(session, name, flags);
  const edited = await editAndTell(session, { target, flags }, (tx, { reader }) =>
    removeRecords(tx, reader, { type, paths, recursive }),
  );
  const removed = edited.result;
  const folder = type === FILE_TYPE ? folderOf(stream) : undefined;
  const coming = removed.filter(
    (key) => folder !== undefined && foreseePublish(folder, key, undefined) === 'adds',
  );
  if (folder !== undefined && coming.length > 0) warn(session, folder, coming);
  if (terminal.isJson) {
    terminal.printJson({ ...jsonEdit(edited), type, removed, nextPublishAdds: coming });
    return EXIT.done;
  }
  for (const key of removed) terminal.print(terminal.paint('red', `  - ${visible(key)}`));
  const noun = type === FILE_TYPE ? 'file' : 'record';
  terminal.print(`removed ${count(removed.length, noun)}${inGeneration(edited)}`);
  return EXIT.done;
}

function warn({ terminal }: Session, folder: string, keys: readonly string[]): void {
  const site = relative('.', folder) || '.';
  const [first = ''] = keys;
  const what = keys.length === 1 ? visible(first) : count(keys.length, 'of them', 'of them');
  const it = keys.length === 1 ? 'it' : 'them';
  terminal.complain(
    'warning',
    `the next drayer publish ${site} puts ${what} back: the folder has ${it}`,
  );
  terminal.complain('hint', `to be rid of ${it} for good, remove ${it} from ${site} too`);
}
