/** The configured builds of what `drayer publish` publishes, before it and beside it. */
import type { BuildOptions } from '../../daemon/build-command.ts';
import type { Site } from '../../daemon/publish-site.ts';
import type { BuildWatchers } from '../../daemon/watch-build.ts';
import type { Session } from '../session.ts';
import type { PublishFlags } from './publish.ts';

/** Builds the sites that have a build, unless --no-build was given. */
export async function build(
  session: Session,
  sites: readonly Site[],
  flags: PublishFlags,
): Promise<void> {
  if (flags.build === false || !sites.some((site) => site.build !== undefined)) return;
  const { buildSites } = await import('../../daemon/run-build.ts');
  await buildSites(sites, optionsOf(session, flags));
}

/** Starts the watchers of the tools that build the sites; undefined where there are none. */
export async function watchBuild(
  session: Session,
  sites: readonly Site[],
  flags: PublishFlags,
): Promise<BuildWatchers | undefined> {
  if (flags.build === false || !sites.some((site) => site.build?.watch !== undefined)) return;
  const { watchBuilds } = await import('../../daemon/watch-build.ts');
  return watchBuilds(sites, optionsOf(session, flags));
}

function optionsOf({ terminal, environment, signal }: Session, flags: PublishFlags): BuildOptions {
  return {
    environment,
    signal,
    output: flags.json || flags.quiet ? 'kept' : 'live',
    onCommand: (command) => terminal.say(`builds with ${command}`),
  };
}
