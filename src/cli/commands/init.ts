/** `drayer init [dir]`: a site to start from, or config and key for a site that is there. */
import { relative } from 'node:path';
import { createProject } from '../../config/create-project.ts';
import { DrayerError, EXIT } from '../../core/errors.ts';
import type { AdoptedSite } from '../../daemon/adopt-site.ts';
import { count, shellWord } from '../format.ts';
import type { Session } from '../session.ts';

/** Flags of `drayer init`. */
export type InitFlags = {
  readonly template?: string | undefined;
  readonly name?: string | undefined;
  readonly force?: boolean | undefined;
  readonly fromExisting?: boolean | undefined;
  readonly output?: string | undefined;
};

/** Copies a template and says how to go on. */
export async function init(
  session: Session,
  directory: string | undefined,
  flags: InitFlags,
): Promise<number> {
  checkTogether(flags);
  if (flags.fromExisting) return adopt(session, directory ?? '.', flags);
  const { terminal } = session;
  const answers = await settle(session, directory, flags);
  const created = await createProject(answers.directory, { ...answers, force: flags.force });
  if (terminal.isJson) {
    terminal.printJson(created);
    return EXIT.done;
  }
  const { template, files } = created;
  terminal.print(
    `started a site in ${created.directory}: template ${template}, ${count(files.length, 'file')}`,
  );
  for (const file of files) terminal.print(`  ${terminal.paint('dim', file)}`);
  terminal.print(
    `change site/index.html to your liking, then: ${enter(created.directory)}drayer publish`,
  );
  return EXIT.done;
}

function checkTogether({ fromExisting, output, template, name, force }: InitFlags): void {
  if (fromExisting) {
    const idle = [template && '--template', name && '--name', force && '--force'].find(Boolean);
    if (idle === undefined) return;
    throw new DrayerError('USAGE', `${idle} and --from-existing exclude each other`, {
      hint: '--from-existing adds config and key to a site that is there, and copies nothing',
    });
  }
  if (output === undefined) return;
  throw new DrayerError('USAGE', '--output wants --from-existing', {
    hint: 'a template brings its own folder for the site: site',
  });
}

type Answers = { directory: string; template: string | undefined; name: string | undefined };

/** What was typed, and on a terminal what the person answers for the rest. */
async function settle(
  { terminal, signal }: Session,
  directory: string | undefined,
  { template, name, force }: InitFlags,
): Promise<Answers> {
  const isComplete = directory !== undefined && template !== undefined;
  if (isComplete || force || !terminal.isInteractive) {
    return { directory: directory ?? '.', template, name };
  }
  const { askProject } = await import('../ask-project.ts');
  return askProject({ directory, template, name }, signal);
}

async function adopt(session: Session, directory: string, flags: InitFlags): Promise<number> {
  const { terminal } = session;
  // Loaded here: a template needs neither keys nor cryptography.
  const { adoptSite } = await import('../../daemon/adopt-site.ts');
  const adopted = await adoptSite(directory, flags.output);
  if (terminal.isJson) {
    terminal.printJson(adopted);
    return EXIT.done;
  }
  printAdopted(session, adopted, flags.output === undefined);
  const { build } = adopted.output;
  const first = build === undefined ? '' : `, which runs ${build} first`;
  terminal.print(`next: ${enter(adopted.directory)}drayer publish${first}`);
  return EXIT.done;
}

function printAdopted({ terminal }: Session, adopted: AdoptedSite, isGuess: boolean): void {
  const { output, id, keyPath, keyCreated, configPath, gitignoreUpdated } = adopted;
  const folder = output.output === '.' ? 'this folder itself' : `the folder ${output.output}`;
  terminal.print(
    isGuess
      ? `guessed that ${folder} is the site: ${output.reason}`
      : `${folder} is the site, as you said`,
  );
  terminal.print(`wrote ${configPath}`);
  terminal.print(`${keyCreated ? 'made a key' : 'kept the key that is there'}: ${keyPath}`);
  terminal.print(`stream ${id}`);
  if (isGuess) terminal.say('if the guess is wrong, change it in drayer.config.ts');
  if (gitignoreUpdated !== undefined)
    terminal.say(`keeps stream and key out of git: ${gitignoreUpdated}`);
  if (keyCreated) terminal.say('copy the key to a safe place: only it can change this site');
}

/** How to get into the folder from here, for a line to paste. */
function enter(directory: string): string {
  const inside = relative('.', directory);
  return inside === '' ? '' : `cd ${shellWord(inside)} && `;
}
