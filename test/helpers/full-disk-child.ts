/**
 * Mirrors into a folder on a small disk of its own, with ever more room: `full-disk-child.ts FOLDER WORK STEP`.
 * Prints a line of JSON for each try: what came of it, what was left, and what came of it once there was room.
 */
import { cpSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DrayerError } from '../../src/core/errors.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { hasFile } from '../../src/store/stream-file.ts';
import { noise, publish } from './published.ts';
import { scope } from './scope.ts';
import { streamRows } from './stream-rows.ts';

/** What came of a try. */
export type FullDiskTry = {
  readonly what: string;
  /** Bytes that were free. */
  readonly free: number;
  /** Code, message, hint of the error; or `done`, and what could not be noted. */
  readonly first: readonly string[];
  /** The generation that was shown after it; −1 for a mixture. */
  readonly shown: number;
  /** The same with room, and the code of what failed. */
  readonly later: number | string;
  /** Records that were fetched then, and all that there are. */
  readonly fetched: number;
  readonly records: number;
  /** Files that are left at the end beside the mirror. */
  readonly left: readonly string[];
};

const [, , folder = '', work = '', step = ''] = process.argv;

const run = scope(async (t) => {
  const { stream, path: own, port } = await publish(t);
  const { publicKey } = stream;
  const fill = (generation: number): string => {
    stream.transaction((tx) => {
      for (let i = 0; i < 40; i += generation) {
        tx.setBytes('file', `page-${i}`, noise(8000, generation * 100 + i));
      }
      tx.setBytes('file', 'film', noise(400_000, generation));
    });
    return streamRows(own).join('\n');
  };
  const to = { url: `http://127.0.0.1:${port}`, publicKey, path: join(folder, 'm.stream') };
  const states: string[] = [fill(1)];
  const shown = (): number => {
    if (!hasFile(to.path)) return 0;
    const at = states.indexOf(streamRows(to.path).join('\n'));
    return at < 0 ? -1 : at + 1;
  };
  const attempt = async (what: string, free: number, dead: string[] = []): Promise<boolean> => {
    const ballast = join(folder, 'ballast');
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(ballast, new Uint8Array(Math.max(0, bavail * bsize - free)));
    let told: string | undefined;
    const first = await outcome(async () => {
      told = (await mirrorStream({ ...to, urls: dead })).unremembered;
    });
    if (told !== undefined) first.push(told);
    const after = shown();
    rmSync(ballast);
    let fetched = 0;
    const later = await outcome(async () => {
      fetched = (await mirrorStream(to)).fetchedRecords;
    });
    const left = readdirSync(folder).filter((name) => !KEPT.test(name));
    const end = later[0] === 'done' ? shown() : later.join(': ');
    const records = streamRows(own).length;
    const tried: FullDiskTry = {
      ...{ what, free, first, shown: after, later: end, fetched, records, left },
    };
    process.stdout.write(`${JSON.stringify(tried)}\n`);
    return first[0] === 'done';
  };
  const empty = (): void => {
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
  };

  /** In large steps until it is enough, then in small ones from the last that was not: what is small comes last. */
  const sweep = async (what: string, begin: () => void): Promise<void> => {
    for (const [from, by] of [
      [0, Number(step)],
      [Number.NaN, PAGE],
    ] as const) {
      let free = Number.isNaN(from) ? enough - Number(step) + by : from;
      for (let isDone = false; !isDone; free += by) {
        begin();
        isDone = await attempt(what, free);
        enough = free;
      }
    }
  };
  let enough = 0;
  await sweep('first', empty);
  empty();
  await mirrorStream(to);
  mkdirSync(work);
  cpSync(folder, work, { recursive: true });
  states.push(fill(2));
  await sweep('next', () => {
    empty();
    cpSync(work, folder, { recursive: true });
  });
  // Nothing newer to fetch, and something to note: a source that is away.
  await attempt('current', 0, ['http://127.0.0.1:1']);
});

/** A small step. */
const PAGE = Math.max(4096, Math.round(Number(step) / 6));

/** What belongs to a mirror that is complete. */
const KEPT = /^m\.stream(-wal|-shm|\.sources|\.trust)?$/;

async function outcome(body: () => Promise<unknown>): Promise<string[]> {
  try {
    await body();
    return ['done'];
  } catch (error) {
    if (error instanceof DrayerError) return [error.code, error.message, error.hint ?? ''];
    return ['RAW', error instanceof Error ? String(error.stack) : String(error)];
  }
}

await run();
