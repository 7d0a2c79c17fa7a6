/**
 * SIGINT, SIGTERM, SIGHUP, a closed stdin and a reader that goes away, at random moments: every command
 * ends within three seconds, with the status that says how, and leaves nothing half done (T116). Prints
 * its seed; the slow run does fifty times the rounds.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Running, type Shell, SITE_URL, shell } from '../helpers/drayer.ts';
import { readFolder } from '../helpers/fetch-site.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/signals');

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const STATUS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
const LIMIT_MS = 3000;
/** A loaded machine is slow to tell us of the end. */
const SLACK_MS = 1500;
const FILES = 150;

function writeSite(folder: string, v: number): void {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < FILES; i += 1) {
    writeFileSync(`${folder}/page-${i}.html`, `${v}\n`.repeat(5000 + i));
  }
}

/** Sends a signal after some time; returns how it ended and how long that took from the signal on. */
async function interrupt(
  running: Running,
  signal: NodeJS.Signals,
  afterMs: number,
): Promise<{ status: number; ms: number; stderr: string }> {
  let sent = Number.NaN;
  const timer = setTimeout(() => {
    sent = performance.now();
    running.child.kill(signal);
  }, afterMs);
  const { status, stderr } = await running.ended;
  clearTimeout(timer);
  return { status, stderr, ms: Number.isNaN(sent) ? 0 : performance.now() - sent };
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

/** It ended as it should: done before the signal came, or by it; and in time. */
function assertEnded(
  { status, ms, stderr }: { status: number; ms: number; stderr: string },
  signal: (typeof SIGNALS)[number],
  what: string,
): void {
  // Before the program has said what it does with signals, they end it by themselves: the same status.
  assert.ok(status === 0 || status === STATUS[signal], `${what}: ${status} ${stderr}`);
  assert.ok(ms < LIMIT_MS + SLACK_MS, `${what}: took ${ms} ms to end`);
  assert.not.match(stderr, / {4}at |INTERNAL|fault of drayer/, what);
}

function leftovers(folder: string): string[] {
  return readdirSync(folder).filter((name) => /\.part$|drayer-export|\.tmp|-journal/.test(name));
}

type Round = {
  readonly sh: Shell;
  readonly t: Scope;
  readonly n: number;
};
type Interrupted = {
  readonly what: string;
  readonly args: (round: Round) => string[];
  /** Fed to stdin, which stays open. */
  readonly input?: string;
  readonly prepare?: (round: Round) => void;
  readonly check?: (round: Round, status: number) => void;
};

const COMMANDS: readonly Interrupted[] = [
  {
    what: 'publish',
    args: () => ['publish', 'site'],
    prepare: ({ t, n }) => writeSite(t.path('site'), n + 1),
  },
  {
    what: 'export',
    args: ({ n }) => ['export', 'site', `out-${n}`],
    check: ({ t, n }, status) => {
      const isThere = existsSync(t.path(`out-${n}`));
      if (status === 0) assert.ok(isThere);
      if (isThere) assert.is(readFolder(t.path(`out-${n}`)).size, FILES, 'whole or not at all');
    },
  },
  { what: 'post', args: ({ n }) => ['post', 'site', `post ${n}`] },
  {
    what: 'put, waiting for its content',
    args: () => ['put', 'site', 'page-0.html', '-'],
    input: 'x',
  },
  {
    what: 'key restore, waiting for the words',
    args: ({ n }) => ['key', 'restore', `restored-${n}`],
    input: 'aardvark',
    check: ({ t, n }) => assert.not.ok(existsSync(t.path(`restored-${n}`))),
  },
  { what: 'serve', args: () => ['serve', 'site', '--port', '0'] },
];

test(
  'every command :: ends in time by a signal, with its status, and the stream is sound',
  scope(async (t) => {
    const seed = freshSeed();
    const random: Random = randomFrom(seed);
    const sh = shell(t);
    writeSite(t.path('site'), 0);
    const lengthMs = await timed(() => sh.run('publish', 'site'));
    const hits: Record<string, number> = {};

    for (let n = 0; n < scaled(1); n += 1) {
      for (const { what, args, input, prepare, check } of COMMANDS) {
        const round = { sh, t, n };
        const signal = SIGNALS[random.below(SIGNALS.length)] ?? 'SIGINT';
        prepare?.(round);
        const running = sh.start(...args(round));
        running.child.stdin?.on('error', () => undefined);
        if (input !== undefined) running.child.stdin?.write(input);
        const end = await interrupt(running, signal, random.below(Math.ceil(lengthMs * 1.2)));
        assertEnded(end, signal, `seed ${seed}: ${what}, ${signal}`);
        check?.(round, end.status);
        const kind = end.status === 0 ? 'done' : 'ended';
        hits[kind] = (hits[kind] ?? 0) + 1;
      }
      const { status, stdout } = await sh.run('verify', 'site');
      assert.is(status, 0, `seed ${seed}: ${stdout}`);
    }
    assert.equal(leftovers(t.directory), [], `seed ${seed}`);
    assert.is((await sh.run('publish', 'site')).status, 0, 'and the owner goes on');
    console.log(`\n  signals, seed ${seed}: ${JSON.stringify(hits)}`);
  }),
);

for (const signal of SIGNALS) {
  test(
    `${signal} :: ends what waits for its input, and a server, with status ${STATUS[signal]}`,
    scope(async (t) => {
      const sh = shell(t);
      mkdirSync(t.path('site'));
      writeFileSync(t.path('site', 'index.html'), 'hello');
      await sh.run('publish', 'site');
      const server = sh.start('serve', 'site', '--port', '0');
      await server.waitFor(SITE_URL);
      const started = performance.now();

      const { status, stderr } = await server.stop(signal);

      assert.is(status, STATUS[signal], stderr);
      assert.ok(performance.now() - started < LIMIT_MS + SLACK_MS);
      const put = sh.start('put', 'site', 'index.html', '-', '--json');
      put.child.stdin?.write('never ends');
      // It has opened nothing yet: whenever the signal comes, nothing is written.
      const end = await interrupt(put, signal, 400);
      assert.is(end.status, STATUS[signal], end.stderr);
      assert.is((await sh.run('cat', 'site', 'index.html')).stdout, 'hello');
    }),
  );
}

test(
  'a reader that goes away, a stdin that is closed :: are no faults',
  scope(async (t) => {
    const sh = shell(t);
    writeSite(t.path('site'), 0);
    await sh.run('publish', 'site');

    for (const args of [
      ['cat', 'site', 'page-149.html'],
      ['ls', 'site'],
      ['export', 'site', 'out', '--json'],
    ]) {
      const running = sh.start(...args);
      running.child.stdout?.destroy();
      const { status, stderr } = await running.ended;
      assert.is(status, 0, stderr);
      assert.not.match(stderr, / {4}at |EPIPE/);
    }
    assert.is(readFolder(t.path('out')).size, FILES);

    for (const args of [
      ['put', 'site', 'page-0.html', '-'],
      ['post', 'site', '-'],
      ['key', 'restore', 'k'],
      ['publish', 'site', '--key-stdin'],
    ]) {
      const { status, stderr } = await sh.run(...args);
      assert.ok(status === 0 || status === 2, `${args.join(' ')}: ${stderr}`);
      assert.not.match(stderr, / {4}at |fault of drayer/);
    }
  }),
);

test.run();
