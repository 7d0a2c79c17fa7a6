/** A mirror of one large value over slow lines, in processes that are killed again and again. */
import assert from 'node:assert/strict';
import { type MirrorOptions, mirrorStream } from '../../src/mirror/mirror.ts';
import type { Stream } from '../../src/store/stream.ts';
import { runHelper } from './child.ts';
import { publish } from './published.ts';
import { freshSeed, randomFrom } from './scale.ts';
import type { Scope } from './scope.ts';
import { type SlowLine, slowLine } from './slow-line.ts';
import { rejectsCode } from './throws.ts';

/** A stream, and the lines to it. */
export type KillRig = {
  readonly stream: Stream;
  /** The publisher's file. */
  readonly own: string;
  /** The mirror's. */
  readonly path: string;
  readonly lines: readonly SlowLine[];
  /** What `mirrorStream` is told, and `mirror-child.ts`. */
  readonly to: { readonly urls: string[]; readonly publicKey: Uint8Array; readonly path: string };
  readonly args: readonly string[];
};

/** What {@link killAgain} is told besides. */
export type KillOptions = {
  readonly kills: number;
  /** Of the value. */
  readonly bytes: number;
  /** Which values are wanted, as JSON. */
  readonly mode?: string | undefined;
  /** Done after each kill. */
  readonly after?: (() => void) | undefined;
};

/** Publishes a stream with nothing in it yet, behind `count` lines that have `rate` bytes a second together. */
export async function killRig(
  t: Scope,
  rate: number,
  { count = 1, name = 'own' }: { readonly count?: number; readonly name?: string } = {},
): Promise<KillRig> {
  const { stream, path: own, port } = await publish(t, { name });
  const lines: SlowLine[] = [];
  for (let i = 0; i < count; i += 1) lines.push(await slowLine(t, port, rate / count));
  const path = t.path('mirror.stream');
  const urls = lines.map(({ url }) => url);
  const { publicKey } = stream;
  const args = [urls.join(','), Buffer.from(publicKey).toString('hex'), path];
  return { stream, own, path, lines, to: { urls, publicKey, path }, args };
}

/** Bytes that have come over all lines. */
export function sentBy({ lines }: KillRig): number {
  return lines.reduce((sum, line) => sum + line.sent(), 0);
}

/** Mirrors here until so many bytes have come, and breaks off: what has come is kept, however quickly it came. */
export async function breakOffAfter(
  rig: KillRig,
  bytes: number,
  options: MirrorOptions = {},
): Promise<void> {
  const stop = new AbortController();
  const before = sentBy(rig);
  const timer = setInterval(() => {
    if (sentBy(rig) - before >= bytes) stop.abort();
  }, 10);
  const run = mirrorStream({ ...rig.to, ...options, signal: stop.signal });
  try {
    await rejectsCode(run, 'ABORTED');
  } finally {
    clearInterval(timer);
  }
}

/** Runs until it is done, killed each time a share of the value has come; returns the bytes that came in all. */
export async function killAgain(rig: KillRig, options: KillOptions): Promise<number> {
  const { args } = rig;
  const { kills, bytes, mode, after } = options;
  const sent = (): number => sentBy(rig);
  const seed = freshSeed();
  const random = randomFrom(seed);
  const begin = sent();
  const told = [...args, ...(mode === undefined ? [] : [mode])];
  for (let kill = 0; kill < kills; kill += 1) {
    const from = sent();
    const most = (bytes * (0.75 + random.below(16) / 100)) / kills;
    const child = runHelper('mirror-child.ts', told);
    const timer = setInterval(() => {
      if (sent() - from >= most) child.process.kill('SIGKILL');
    }, 10);
    const end = await child.ended;
    clearInterval(timer);
    assert.equal(end, 'SIGKILL', `${child.lines.at(-1)} before kill ${kill}, seed ${seed}`);
    after?.();
  }
  const last = runHelper('mirror-child.ts', told);
  assert.equal(await last.ended, 0, `${last.lines.at(-1)}, seed ${seed}`);
  return sent() - begin;
}
