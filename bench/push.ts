/** Deploying to a server over loopback, as a CI runner does: key and files, no stream file. */
import { appendFileSync, cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { median, type Run, run, runNode } from './measure.ts';
import { startServer } from './mirror.ts';
import type { Bench } from './publish.ts';
import type { Row } from './report.ts';

/** What a deploy of a small change may take on loopback. */
const GOAL_MS = 3000;

/** Deploys the HTML files for the first time, then three that changed, from a checkout that is new. */
export async function* benchPush(bench: Bench, site: string): AsyncGenerator<Row> {
  const work = join(bench.root, 'push');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const key = join(work, 'key');
  await runNode([bench.cli, 'key', 'new', key, '--json']);
  const made = await runNode([bench.cli, 'key', 'show', key, '--json']);
  const { id } = JSON.parse(made.stdout) as { id: string };
  const home = { XDG_DATA_HOME: join(work, 'server') };
  await runNode([bench.cli, 'allow', id], { env: home });
  const server = await startServer(bench, [], home);
  try {
    const deploy = (folder: string, runner: string, ...flags: string[]): Promise<Run> =>
      runNode(
        [bench.cli, 'publish', folder, '--to', server.url, '--json', '--check-links=off', ...flags],
        { env: { DRAYER_KEY_FILE: key, XDG_DATA_HOME: join(work, runner) } },
      );
    const first = await deploy(site, 'runner', '--unused-key');
    const local = await runNode([
      ...[bench.cli, 'publish', site, '--stream', join(work, 'local.stream'), '--json'],
      '--check-links=off',
    ]);
    yield {
      what: 'deploy, first, 10,000 HTML files',
      ours: first.ms,
      baseline: local.ms,
      unit: 'ms',
      baselineName: 'the same published on this machine',
      peakMb: first.peakMb,
    };
    const checkout = join(work, 'checkout');
    const changed = await median(3, async (round) => {
      rmSync(checkout, { recursive: true, force: true });
      cpSync(site, checkout, { recursive: true });
      for (const page of ['page-0', 'page-1', 'page-2']) {
        appendFileSync(join(checkout, 'section-0', 'topic-0', `${page}.html`), `<!-- ${round} -->`);
      }
      return deploy(checkout, `runner-${round}`);
    });
    const nothing = await median(3, () => run(process.execPath, ['-e', '0']));
    yield {
      what: 'deploy, 3 of 10,000 changed, new checkout',
      ours: changed.ms,
      baseline: nothing.ms,
      unit: 'ms',
      baselineName: 'node -e 0',
      limit: GOAL_MS,
      peakMb: changed.peakMb,
    };
  } finally {
    await server.close();
  }
}
