/** How long a change takes from the publisher's daemon to the mirror's, over loopback. */
import { rmSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { openStream } from '../src/index.ts';
import { randomFrom } from './corpus.ts';
import { type Served, serve, startServer } from './mirror.ts';
import type { Bench } from './publish.ts';
import type { Row } from './report.ts';

const CHANGES = 60;
const PAGE = 'section-0/topic-0/page-0.html';

/**
 * Changes one page again and again beside the publisher's daemon, as `drayer put` and the library do,
 * and asks the mirror's daemon for it as soon as that says it has another generation.
 */
export async function* benchLive(bench: Bench, path: string): AsyncGenerator<Row> {
  const work = join(bench.root, 'live');
  rmSync(work, { recursive: true, force: true });
  const publisher = await serve(bench, path);
  const stream = openStream(path);
  let mirror: Pick<Served, 'url' | 'close'> | undefined;
  try {
    const from = `${publisher.url}/${publisher.key}`;
    mirror = await startServer(bench, [], { XDG_DATA_HOME: work }, ['mirror', from, '--serve']);
    const site = `${mirror.url}/${publisher.key}`;
    const events = await listen(`${site}/events`);
    const random = randomFrom(4);
    const took: number[] = [];
    const alone: number[] = [];
    for (let change = 0; change < CHANGES; change += 1) {
      // Longer than anybody rests after a change, and never in step with anybody's looks.
      await wait(250 + random() * 100);
      const text = `change ${change} of ${Date.now()}`;
      const heard = events.next();
      const begun = performance.now();
      stream.putFile(PAGE, new TextEncoder().encode(text));
      const written = performance.now();
      await heard;
      const shown = await (await fetch(`${site}/webAccess/${PAGE}`)).text();
      took.push(performance.now() - begun);
      alone.push(written - begun);
      if (shown !== text) throw new Error(`expected ${text}, got ${shown.slice(0, 80)}`);
    }
    events.close();
    yield row('median', took, alone, 0.5);
    yield row('95 of 100', took, alone, 0.95);
  } finally {
    stream.close();
    await mirror?.close();
    await publisher.close();
  }
}

function row(name: string, took: readonly number[], alone: readonly number[], share: number): Row {
  return {
    what: `live, one file to the mirror, ${name}`,
    ours: at(took, share),
    baseline: at(alone, share),
    unit: 'ms',
    baselineName: 'the write alone, which is in ours',
    limit: 50,
  };
}

function at(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The events of a stream; each `next` resolves with the one after it was called. */
function listen(url: string): Promise<{ next(): Promise<void>; close(): void }> {
  return new Promise((resolve, reject) => {
    let heard: () => void = () => {};
    const request = get(url, (answer) => {
      let isFirst = true;
      answer.on('data', (piece: Buffer) => {
        if (!piece.includes('event: generation')) return;
        if (!isFirst) heard();
        isFirst = false;
        resolve({
          next: () => new Promise((done) => (heard = done)),
          close: () => request.destroy(),
        });
      });
      answer.on('error', () => {});
    });
    request.on('error', reject);
  });
}
