/** Asks on a terminal what `drayer init` was not told: the folder, the template, the name of the site. */
import { findObstacle, isSiteName } from '../config/create-project.ts';
import { findTemplate, listTemplates } from '../config/templates.ts';
import { DrayerError } from '../core/errors.ts';

/** What a new project needs to know. */
export type ProjectAnswers = {
  readonly directory: string;
  readonly template: string;
  /** Undefined leaves the sample's name where it is. */
  readonly name: string | undefined;
};

/**
 * Asks for what is undefined in `given`; the name only together with something else.
 *
 * @throws {DrayerError} INPUT_NEEDED when the person breaks off; nothing was made by then
 */
export async function askProject(
  given: { readonly [Key in keyof ProjectAnswers]?: string | undefined },
  signal: AbortSignal,
): Promise<ProjectAnswers> {
  const { isCancel, select, text } = await import('@clack/prompts');
  // stdout is for results.
  const common = { output: process.stderr, signal };
  const answer = (value: string | symbol): string => {
    // The only symbol there is stands for breaking off.
    if (!isCancel(value) && typeof value === 'string') return value;
    throw new DrayerError('INPUT_NEEDED', 'stopped; nothing was made', {
      hint: 'drayer init my-site --template page starts one without questions',
    });
  };
  const directory =
    given.directory ??
    answer(
      await text({
        ...common,
        message: 'Which folder shall the site be in?',
        placeholder: 'my-site',
        defaultValue: 'my-site',
      }),
    );
  const obstacle = await findObstacle(directory);
  if (obstacle !== undefined) {
    throw new DrayerError('USAGE', obstacle.message, { hint: obstacle.hint });
  }
  const template =
    given.template ??
    answer(
      await select({
        ...common,
        message: 'What shall it be?',
        options: await describeTemplates(),
      }),
    );
  const { title } = await findTemplate(template);
  const name =
    given.name ??
    answer(
      await text({
        ...common,
        message: 'What is it called?',
        placeholder: title,
        defaultValue: title,
        validate: (value) =>
          value === undefined || value === '' || isSiteName(value)
            ? undefined
            : 'One line, please.',
      }),
    );
  return { directory, template, name: name === title ? undefined : name };
}

async function describeTemplates(): Promise<{ value: string; label: string; hint: string }[]> {
  const templates = await Promise.all((await listTemplates()).map(findTemplate));
  // The plainest first, as it is the default.
  return templates
    .sort((a, b) => Number(b.name === 'page') - Number(a.name === 'page'))
    .map(({ name, about }) => ({ value: name, label: name, hint: about }));
}
