/**
 * The first look of a `drayer publish`, before the program is loaded. With all it takes it is built into
 * one file with the command (package.json, `build`), since forty modules take as long to load as the
 * files of a large site to look at. What it cannot say it leaves to the program, errors above all.
 */
import { type FirstLook, lookFirst } from './first-look.ts';
import { watchOutput } from './output-errors.ts';
import { readPlainPublish } from './plain-publish.ts';
import { createSession } from './session.ts';

/**
 * Looks, and tells of it where nothing has changed.
 *
 * @param argv - as `process.argv`
 * @returns undefined where it was not for it to look
 */
export async function quickLook(argv: readonly string[]): Promise<FirstLook | undefined> {
  const plain = readPlainPublish(argv);
  // A key in the environment is for the program alone to take.
  if (plain === undefined || 'DRAYER_KEY' in process.env) return undefined;
  const { flags, directory } = plain;
  const session = createSession(flags, new AbortController().signal);
  const unwatch = watchOutput();
  try {
    const look = await lookFirst(session, directory, flags);
    if (look.status === undefined) unwatch();
    return look;
  } catch {
    unwatch();
    return undefined;
  }
}
