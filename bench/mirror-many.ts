/** Mirroring a stream of 100,000 small records over loopback. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createStream } from '../src/index.ts';
import { runNode } from './measure.ts';
import { fetchStraight, serve } from './mirror.ts';
import type { Bench } from './publish.ts';
import type { Row } from './report.ts';

const RECORDS = 100_000;

/** Makes the stream, and mirrors it once. */
export async function* benchMirrorMany(bench: Bench): AsyncGenerator<Row> {
  const work = join(bench.root, 'mirror-many');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const path = join(work, 'many.stream');
  const stream = createStream(path);
  stream.transaction((tx) => {
    for (let i = 0; i < RECORDS; i += 1) tx.set(`key-${i}`, { name: `record ${i}`, number: i });
  });
  stream.close();
  const served = await serve(bench, path);
  try {
    const ours = await runNode([bench.cli, 'mirror', `${served.url}/${served.key}`, '--json'], {
      env: { XDG_DATA_HOME: join(work, 'data') },
    });
    const straight = await fetchStraight(bench, served, join(work, 'straight.db'));
    yield {
      what: 'mirror, cold, 100,000 small records',
      ours: ours.ms,
      baseline: straight.ms,
      unit: 'ms',
      baselineName: 'a loop of fetch, hash, verify, insert',
      limit: 12_000,
      peakMb: ours.peakMb,
      // Two threads know all records while they are put in place: some 4 KB each.
      peakLimitMb: 600,
    };
  } finally {
    await served.close();
  }
}
