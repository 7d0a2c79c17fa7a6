/**
 * `drayer publish` from its first moment: another thread looks for the site's files while this one
 * loads what else a publish takes.
 */
import type { Config } from '../config/load-config.ts';
import { resolveSiteDirectory } from '../publish/site-directory.ts';
import { walkOrder } from '../publish/walker.ts';
import type { PublishFlags } from './commands/publish.ts';
import { takeWalker } from './early-walker.ts';
import type { Session } from './session.ts';

/** Runs the command, with a walk begun where it is clear what will be walked. */
export async function beginPublish(
  session: Session,
  directory: string | undefined,
  flags: PublishFlags,
): Promise<number> {
  const walker = takeWalker();
  try {
    const config = await session.config();
    const root = walker && siteOf(config, directory);
    if (root !== undefined) walker?.begin(walkOrder(root, { patterns: config.ignore }));
    const { publish } = await import('./commands/publish.ts');
    return await publish(session, directory, { ...flags, walker });
  } finally {
    await walker?.close();
  }
}

/** The one folder this is about, if it is there and nothing has to be built first. */
function siteOf({ streams }: Config, directory: string | undefined): string | undefined {
  const sites = streams.filter((stream) => stream.directory !== undefined);
  const [only] = sites.length === 1 ? sites : [];
  const named = directory ?? (only?.build === undefined ? only?.directory : undefined);
  if (named === undefined) return undefined;
  try {
    return resolveSiteDirectory(named);
  } catch {
    // Reported by who comes to it first.
    return undefined;
  }
}
