/** `drayer publish` from its first moment: a look comes first, and what a publish takes is loaded after it. */
import type { publish as Publish, PublishFlags } from './commands/publish.ts';
import { type FirstLook, lookFirst } from './first-look.ts';
import type { Session } from './session.ts';

/**
 * Runs the command.
 *
 * @param seen - what came of the first look, if there was one
 */
export async function beginPublish(
  session: Session,
  directory: string | undefined,
  { flags, seen }: { readonly flags: PublishFlags; readonly seen?: FirstLook | undefined },
): Promise<number> {
  const { status, begun } = seen ?? (await lookFirst(session, directory, flags));
  if (status !== undefined) return status;
  try {
    return await publish(session, directory, { ...flags, begun });
  } finally {
    await begun?.close();
  }
}

async function publish(...given: Parameters<typeof Publish>): Promise<number> {
  return (await import('./commands/publish.ts')).publish(...given);
}
