/** Publishing: cold, unchanged, one changed file, and media, as real processes. */
import { appendFileSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { freshFolder, median, run, runNode, settle, sideBySide } from './measure.ts';
import type { Row } from './report.ts';

/** Where the benchmark works and what it starts. */
export type Bench = {
  /** Directory for everything the benchmark writes. */
  readonly root: string;
  /** The built command line, dist/cli/bin.cjs. */
  readonly cli: string;
  /** bench/baselines. */
  readonly baselines: string;
  /** How often a measurement is repeated; the median counts. */
  readonly rounds: number;
};

/** Publishes the HTML files; leaves the published stream at the returned path. */
export async function* benchPublish(bench: Bench, site: string): AsyncGenerator<Row, string> {
  const work = join(bench.root, 'publish');
  freshFolder(work);
  const stream = join(work, 'ours.stream');
  const publishing = ['publish', site, '--stream', stream, '--json', '--check-links=off'];
  const publish = () => run(process.execPath, [bench.cli, ...publishing]);
  // What looks at the memory takes a tenth of the time: once for that, and then without.
  const measured = () => runNode([bench.cli, ...publishing]);

  const publishCold = async (how = publish) => {
    for (const end of ['', '-wal', '-shm', '.privatekey', '.mark']) {
      rmSync(stream + end, { force: true });
    }
    await settle(site);
    return how();
  };
  let copies = 0;
  const plainly = async (...level: string[]) => {
    copies += 1;
    const database = join(work, `plain-${copies}.db`);
    await settle(site);
    const script = join(bench.baselines, 'gzip-insert.js');
    return run(process.execPath, [script, site, database, ...level]);
  };
  const { peakMb } = await publishCold(measured);
  const [cold, plain] = await sideBySide(bench.rounds, publishCold, () => plainly());
  yield {
    what: 'publish, cold, 10,000 HTML files',
    ours: cold.ms,
    baseline: plain.ms,
    unit: 'ms',
    baselineName: 'gzip (level 6) by two threads and plain inserts',
    atMost: 1.3,
    peakMb,
  };

  const level4 = await median(bench.rounds, () => plainly('4'));
  yield {
    what: 'publish, cold, 10,000 HTML files',
    ours: cold.ms,
    baseline: level4.ms,
    unit: 'ms',
    baselineName: 'the same at our own gzip level, 4',
  };

  const commit = async () => {
    copies += 1;
    const copy = join(work, `git-${copies}`);
    cpSync(site, copy, { recursive: true });
    await settle(copy);
    await run('git', ['init', '-q', copy]);
    const start = performance.now();
    await run('git', ['-C', copy, 'add', '-A']);
    // Or it packs for many seconds more, unseen, beside all that is measured next.
    const settings = ['user.name=bench', 'user.email=bench@localhost', 'gc.auto=0'];
    const options = settings.flatMap((setting) => ['-c', setting]);
    await run('git', ['-C', copy, ...options, 'commit', '-qm', 'all']);
    return { ms: performance.now() - start, peakMb: 0, stdout: '' };
  };
  const [published, git] = await sideBySide(bench.rounds, publishCold, commit);
  yield {
    what: 'publish, cold, 10,000 HTML files',
    ours: published.ms,
    baseline: git.ms,
    unit: 'ms',
    baselineName: 'git add and git commit: 1.4 × as fast',
    atMost: 0.71,
  };

  await settle();
  const [unchanged, nothing] = await sideBySide(11, publish, () =>
    run(process.execPath, ['-e', '0']),
  );
  yield {
    what: 'publish, nothing changed',
    ours: unchanged.ms,
    baseline: nothing.ms,
    unit: 'ms',
    baselineName: 'node -e 0 (goal 300 where that takes 80)',
    atMost: 300 / 80,
    peakMb: (await measured()).peakMb,
  };

  if (existsSync('/usr/bin/rsync')) {
    const copy = join(work, 'rsync');
    const rsync = () => run('rsync', ['-a', `${site}/`, copy]);
    await rsync();
    await settle();
    const [again, copied] = await sideBySide(11, publish, rsync);
    yield {
      what: 'publish, nothing changed',
      ours: again.ms,
      baseline: copied.ms,
      unit: 'ms',
      baselineName: 'rsync -a of the same folder, nothing changed',
      atMost: 2,
    };
  }

  const edited = join(site, 'section-0', 'topic-0', 'page-0.html');
  const changed = await median(5, (round) => {
    appendFileSync(edited, `<!-- edit ${round} ${Date.now()} -->\n`);
    return publish();
  });
  yield {
    what: 'publish, one file changed',
    ours: changed.ms,
    baseline: unchanged.ms,
    unit: 'ms',
    baselineName: 'nothing changed',
  };
  return stream;
}

/** Publishes files that do not compress; returns the path of the stream. */
export async function* benchMedia(bench: Bench, site: string): AsyncGenerator<Row, string> {
  const work = join(bench.root, 'media');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const stream = join(work, 'ours.stream');
  const ours = await runNode([
    bench.cli,
    'publish',
    site,
    '--stream',
    stream,
    '--json',
    '--check-links=off',
  ]);
  const plain = await run(process.execPath, [
    join(bench.baselines, 'gzip-insert.js'),
    site,
    join(work, 'plain.db'),
    '0',
  ]);
  yield {
    what: 'publish, cold, 60 files of 1–8 MB',
    ours: ours.ms,
    baseline: plain.ms,
    unit: 'ms',
    baselineName: 'stored by two threads and plain inserts',
    peakMb: ours.peakMb,
  };
  return stream;
}
