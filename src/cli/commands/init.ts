/** `drayer init [dir]`: a site to start from. */
import { relative } from 'node:path';
import { createProject } from '../../config/create-project.ts';
import { EXIT } from '../../core/errors.ts';
import { count, shellWord } from '../format.ts';
import type { Session } from '../session.ts';

/** Flags of `drayer init`. */
export type InitFlags = {
  readonly template?: string | undefined;
  readonly force?: boolean | undefined;
};

/** Copies a template and says how to go on. */
export async function init(session: Session, directory: string, flags: InitFlags): Promise<number> {
  const { terminal } = session;
  const created = await createProject(directory, flags);
  if (terminal.isJson) {
    terminal.printJson(created);
    return EXIT.done;
  }
  terminal.print(`started a site in ${created.directory}: ${count(created.files.length, 'file')}`);
  for (const file of created.files) terminal.print(`  ${terminal.paint('dim', file)}`);
  const inside = relative('.', created.directory);
  const enter = inside === '' ? '' : `cd ${shellWord(inside)} && `;
  terminal.print(`change site/index.html to your liking, then: ${enter}drayer publish`);
  return EXIT.done;
}
