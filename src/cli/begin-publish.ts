/**
 * `drayer publish` from its first moment. A look comes first; where there is no stream yet, another
 * thread looks for the site's files while this one loads what else a publish takes.
 */
import { availableParallelism } from 'node:os';
import type { Config } from '../config/load-config.ts';
import { isDrayerError } from '../core/errors.ts';
import { walkOrder } from '../publish/begun-walk.ts';
import { resolveSiteDirectory } from '../publish/site-directory.ts';
import type { Walker } from '../publish/walker.ts';
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
  if (begun !== undefined) return publish(session, directory, { ...flags, begun });
  const walker = await beginWalk(await session.config(), directory);
  try {
    return await publish(session, directory, { ...flags, begun: walker });
  } finally {
    await walker?.close();
  }
}

async function publish(...given: Parameters<typeof Publish>): Promise<number> {
  return (await import('./commands/publish.ts')).publish(...given);
}

/** Begins to walk the one folder this is about, if it is there and nothing has to be built first. */
async function beginWalk(
  { streams, ignore }: Config,
  directory: string | undefined,
): Promise<Walker | undefined> {
  const sites = streams.filter((stream) => stream.directory !== undefined);
  const [only] = sites.length === 1 ? sites : [];
  const named = directory ?? (only?.build === undefined ? only?.directory : undefined);
  if (named === undefined || availableParallelism() < 2) return undefined;
  try {
    const order = walkOrder(resolveSiteDirectory(named), { patterns: ignore });
    const { Walker } = await import('../publish/walker.ts');
    const walker = new Walker();
    walker.begin(order);
    return walker;
  } catch (error) {
    // Reported by who comes to it first.
    if (isDrayerError(error)) return undefined;
    throw error;
  }
}
