/**
 * The walk of a first publish: where there is no stream yet, another thread looks for the site's files while
 * this one loads what else it takes.
 */
import { availableParallelism } from 'node:os';
import type { Config } from '../config/load-config.ts';
import { isDrayerError } from '../core/errors.ts';
import { type BegunWalk, walkOrder } from '../publish/begun-walk.ts';
import { resolveSiteDirectory } from '../publish/site-directory.ts';

/** Begins to walk the one folder this is about, if it is there and nothing has to be built first. */
export async function beginWalk(
  { streams, ignore }: Config,
  directory: string | undefined,
): Promise<BegunWalk | undefined> {
  const sites = streams.filter((stream) => stream.directory !== undefined);
  const [only] = sites.length === 1 ? sites : [];
  const named = directory ?? (only?.build === undefined ? only?.directory : undefined);
  if (named === undefined || availableParallelism() < 2) return undefined;
  try {
    const order = walkOrder(resolveSiteDirectory(named), { patterns: ignore });
    const { Walker } = await import('../publish/walker.ts');
    return new Walker(order);
  } catch (error) {
    // Reported by who comes to it first.
    if (isDrayerError(error)) return undefined;
    throw error;
  }
}
