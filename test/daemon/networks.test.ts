/**
 * Five daemons in networks of their own, with a slow relay that breaks connections off between them:
 * random edits, deletes, cut cables, kills and pauses, against a shadow model (T119). A short run here;
 * DRAYER_TEST_SCALE makes it a long one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NodeState, NodeWish, Put } from '../helpers/net-node.ts';
import { type Network, openNetwork, whyNoNetwork } from '../helpers/network.ts';
import { noise } from '../helpers/published.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { digest } from '../helpers/stream-rows.ts';

const test = suite('daemon/networks');
const missing = whyNoNetwork();
if (missing !== undefined) console.log(`  skipped: ${missing}`);
const run = missing === undefined ? test : test.skip;

/** Who copies from whom; node 0 publishes. */
const SOURCES: readonly (readonly number[])[] = [[], [0], [0], [1, 2], [3, 0]];
const PORT = 33_125;
const ROUNDS = 5;
/** After all is whole again, everybody has the newest generation within this. */
const SETTLE_MS = 60_000;
const MOST_LOG_BYTES = 8 * 1024 * 1024;
/** More than the first time it was looked at. */
const MOST_GROWTH_MB = 40;
const MOST_DESCRIPTORS = 100;

type Told = { readonly [name in string]?: unknown };

/** A node: its process, which may be killed and started again, and what it has said. */
class Node {
  readonly index: number;
  readonly #args: readonly string[];
  readonly #waiting = new Set<(told: Told) => void>();
  readonly #onTold: (told: Told, node: Node) => void;
  #child: ChildProcess | undefined;
  #n = 0;
  isStopped = false;

  constructor(
    network: Network,
    index: number,
    options: {
      readonly args: readonly string[];
      readonly onTold: (told: Told, node: Node) => void;
    },
  ) {
    this.index = index;
    this.#args = [
      ...network.within(index),
      ...tsFile('net-node.ts', ['--expose-gc']),
      ...options.args,
    ];
    this.#onTold = options.onTold;
  }

  async start(): Promise<Told> {
    const ready = this.#next(({ event }) => event === 'ready');
    this.#child = begin(this.#args, (line) => {
      const told = JSON.parse(line) as Told;
      this.#onTold(told, this);
      for (const look of this.#waiting) look(told);
    });
    return await ready;
  }

  async ask(order: NodeWish): Promise<Told> {
    this.#n += 1;
    const n = this.#n;
    const answer = this.#next((told) => told['n'] === n);
    this.#child?.stdin?.write(`${JSON.stringify({ ...order, n })}\n`);
    const told = await answer;
    if (told['failed'] !== undefined) throw new Error(`node ${this.index}: ${told['failed']}`);
    return told;
  }

  async state(): Promise<NodeState> {
    return (await this.ask({ do: 'state' })) as unknown as NodeState;
  }

  /** Resolves when it has shown this generation, or a later one. */
  async reaches(seq: number): Promise<void> {
    const coming = this.#next(
      ({ event, seq: shown }) => event === 'mirrored' && Number(shown) >= seq,
    );
    coming.catch(() => {});
    if ((await this.state()).seq >= seq) return;
    await coming;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    const ended = new Promise((resolve) => child?.once('close', resolve));
    child?.kill('SIGKILL');
    await ended;
  }

  /** As a machine that sleeps. */
  pause(isStopped: boolean): void {
    this.isStopped = isStopped;
    this.#child?.kill(isStopped ? 'SIGSTOP' : 'SIGCONT');
  }

  #next(isIt: (told: Told) => boolean): Promise<Told> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`node ${this.index}: nothing of it in ${SETTLE_MS} ms`));
      }, SETTLE_MS);
      late.unref();
      const look = (told: Told): void => {
        if (!isIt(told)) return;
        clearTimeout(late);
        this.#waiting.delete(look);
        resolve(told);
      };
      this.#waiting.add(look);
    });
  }
}

/** What should be: every generation that was published, and what was in it. */
class Model {
  readonly #contents = new Map<string, string>();
  readonly #generations = new Map<number, string>();
  newest = 0;

  constructor() {
    this.note(0);
  }

  apply({ puts, removes }: Edit): void {
    for (const { key, length, seed } of puts) this.#contents.set(key, digest(noise(length, seed)));
    for (const key of removes) this.#contents.delete(key);
  }

  get keys(): string[] {
    return [...this.#contents.keys()].sort();
  }

  content(): string {
    const lines = [...this.#contents].map(([key, hash]) => `${key} ${hash}`);
    return digest(Buffer.from(lines.sort().join('\n')));
  }

  note(seq: number): void {
    this.newest = seq;
    this.#generations.set(seq, this.content());
  }

  of(seq: number): string | undefined {
    return this.#generations.get(seq);
  }
}

type Edit = { readonly puts: Put[]; readonly removes: string[] };

/** All of it. */
class Rig {
  readonly nodes: Node[] = [];
  readonly model = new Model();
  readonly faults: string[] = [];
  readonly network: Network;
  readonly random: Random;
  readonly #shown: number[] = [];
  readonly #firstMb: number[] = [];
  readonly #cut = new Set<number>();
  #seeds = 0;
  #relay: ChildProcess | undefined;
  #relayed = '';
  readonly #done = { kills: 0, cuts: 0, pauses: 0, mostLogBytes: 0, mostGrowthMb: 0 };

  constructor(t: Scope, random: Random) {
    this.random = random;
    this.network = openNetwork(t, SOURCES.length);
    for (const index of SOURCES.keys()) {
      const folder = t.path(`n${index}`);
      mkdirSync(folder);
      const own = index === 0 ? [t.path('own.stream')] : [];
      const args = [folder, String(PORT), ...own];
      const node = new Node(this.network, index, {
        args,
        onTold: (told) => this.#hear(told, index),
      });
      this.nodes.push(t.defer(node, (one) => one.kill()));
      this.#shown.push(0);
    }
  }

  async start(t: Scope, seed: number): Promise<void> {
    const edges = SOURCES.flatMap((sources, node) =>
      sources.map((source) => ({
        listen: [this.network.gatewayOf(node), 7000 + source],
        to: [this.network.addressOf(source), PORT],
      })),
    );
    let ready: () => void = () => {};
    const isReady = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const args = [
      ...this.network.within(-1),
      ...tsFile('relay-child.ts'),
      String(seed),
      JSON.stringify(edges),
    ];
    const hear = (line: string): void => {
      this.#relayed = line;
      ready();
    };
    this.#relay = t.defer(begin(args, hear), (child) => child.kill('SIGKILL'));
    const [publisher] = await Promise.all([...this.nodes.map((node) => node.start()), isReady]);
    const id = String((publisher as Told)['id']);
    await this.edit();
    for (const [index, sources] of SOURCES.entries()) {
      for (const source of [...sources].reverse()) {
        const url = `http://${this.network.gatewayOf(index)}:${7000 + source}`;
        await this.#patiently(() => this.#node(index).ask({ do: 'mirror', id, url }));
      }
    }
  }

  /** One generation; if `isKilled`, the publisher dies somewhere in it. */
  async edit(isKilled = false): Promise<void> {
    const edit = this.#randomEdit();
    const node = this.#node(0);
    const before = this.model.newest;
    if (isKilled) {
      void node.ask({ do: 'edit', ...edit }).catch(() => {});
      this.#done.kills += 1;
      await node.kill();
      await node.start();
      const { seq, content } = await node.state();
      // Nothing was acknowledged: it is there whole, or not at all.
      if (seq > before) this.model.apply(edit);
      this.model.note(seq);
      this.#expect(
        seq === before || seq === before + 1,
        `after its death 0 is at ${seq}, not ${before}`,
      );
      this.#expect(
        content === this.model.content(),
        'after its death 0 has what was never published',
      );
      return;
    }
    const { seq, content } = (await node.ask({ do: 'edit', ...edit })) as Partial<NodeState>;
    this.model.apply(edit);
    this.model.note(Number(seq));
    this.#expect(content === this.model.content(), `generation ${seq} is not what was published`);
  }

  async act(): Promise<void> {
    const { random } = this;
    const index = 1 + random.below(this.nodes.length - 1);
    const node = this.#node(index);
    switch (random.below(6)) {
      case 0:
        return await this.edit(true);
      case 1: {
        // A cable of the publisher's too.
        const cut = random.below(this.nodes.length);
        this.network.cable(cut, false);
        this.#done.cuts += 1;
        this.#cut.add(cut);
        return;
      }
      case 2:
        this.#done.kills += 1;
        await node.kill();
        await node.start();
        return;
      case 3:
        node.pause(!node.isStopped);
        this.#done.pauses += 1;
        return;
      default:
        for (let n = random.below(4); n >= 0; n -= 1) await this.edit();
    }
  }

  /** Mends everything and waits until all have the newest generation. */
  async settle(): Promise<void> {
    for (const cut of this.#cut) this.network.cable(cut, true);
    this.#cut.clear();
    for (const node of this.nodes) if (node.isStopped) node.pause(false);
    await this.edit();
    const { newest } = this.model;
    for (const node of this.nodes.slice(1)) {
      try {
        await node.reaches(newest);
      } catch {
        this.faults.push(`${node.index} has not come to generation ${newest} in ${SETTLE_MS} ms`);
      }
    }
  }

  /** Compares all with the model and with each other, and looks at what they use. */
  async check(): Promise<void> {
    const states = await Promise.all(this.nodes.map((node) => node.state()));
    const [publisher] = states;
    this.#relay?.stdin?.write('\n');
    for (const [index, state] of states.entries()) {
      const { seq, rows, content, walBytes, heldMb, descriptors } = state;
      this.#expect(seq === this.model.newest, `${index} is at ${seq}, not ${this.model.newest}`);
      this.#expect(content === this.model.of(seq), `${index} diverges in its contents`);
      this.#expect(rows === publisher?.rows, `${index} diverges in its records`);
      this.#expect(walBytes <= MOST_LOG_BYTES, `${index} has a log of ${walBytes} bytes`);
      this.#firstMb[index] ??= heldMb;
      const growth = heldMb - (this.#firstMb[index] ?? 0);
      this.#expect(
        growth <= MOST_GROWTH_MB,
        `${index} holds ${growth.toFixed(0)} MB more than first`,
      );
      this.#expect(descriptors <= MOST_DESCRIPTORS, `${index} has ${descriptors} descriptors`);
    }
  }

  /** A generation of some megabytes, which is taken away again. */
  async editMuch(): Promise<void> {
    const puts = Array.from({ length: 10 }, (_, n) => ({ key: `large${n}`, length: 1e6, seed: n }));
    for (const edit of [
      { puts, removes: [] },
      { puts: [], removes: puts.map(({ key }) => key) },
    ]) {
      const { seq } = await this.#node(0).ask({ do: 'edit', ...edit });
      this.model.apply(edit);
      this.model.note(Number(seq));
    }
  }

  /** What has been done, and what it took. */
  summary(): string {
    const figures = { generations: this.model.newest, ...this.#done, relay: this.#relayed };
    return JSON.stringify(figures);
  }

  async spoil(index: number, how: 'content' | 'log' | 'memory'): Promise<void> {
    await this.#node(index).ask({ do: 'spoil', how });
  }

  #node(index: number): Node {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node;
  }

  /** What is shown is always a generation that was published, and never an older one than before. */
  #hear({ event, seq, content, error }: Told, index: number): void {
    if (event === 'error') this.faults.push(`${index}: ${error}`);
    if (event !== 'mirrored') return;
    const shown = Number(seq);
    // The publisher may have died before it could say what it had published.
    const known = this.model.of(shown);
    this.#expect(
      known === undefined ? shown === this.model.newest + 1 : known === content,
      `${index} has shown a generation ${shown} that was never published`,
    );
    this.#expect(shown >= (this.#shown[index] ?? 0), `${index} went back to generation ${shown}`);
    this.#shown[index] = shown;
  }

  #randomEdit(): Edit {
    const { random, model } = this;
    const puts: Put[] = [];
    for (let n = random.below(4); n >= 0; n -= 1) {
      this.#seeds += 1;
      const length = random.oneIn(6) ? 300_000 : 1 + random.below(5_000);
      puts.push({ key: `k${random.below(30)}`, length, seed: this.#seeds });
    }
    const taken = new Set(puts.map(({ key }) => key));
    const removes = model.keys.filter((key) => !taken.has(key) && random.oneIn(8));
    return { puts, removes };
  }

  /** The relay may break off any try. */
  async #patiently(work: () => Promise<unknown>): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        return void (await work());
      } catch (error) {
        if (tries === 20) throw error;
      }
    }
  }

  #expect(isTrue: boolean, fault: string): void {
    if (!isTrue) this.faults.push(fault);
  }
}

function tsFile(name: string, flags: readonly string[] = []): string[] {
  const path = fileURLToPath(new URL(`../helpers/${name}`, import.meta.url));
  return [
    process.execPath,
    ...flags,
    '--conditions=source',
    '--import',
    import.meta.resolve('tsx'),
    path,
  ];
}

function begin(command: readonly string[], onLine: (line: string) => void): ChildProcess {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  // A node that was killed reads no more.
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', onLine);
  return child;
}

run(
  'daemons :: five of them never diverge, go back or grow, whatever the network and the machine do (T119)',
  scope(async (t) => {
    const seed = freshSeed();
    const rig = new Rig(t, randomFrom(seed));
    await rig.start(t, seed);
    await rig.settle();
    await rig.check();

    const rounds = scaled(ROUNDS);
    for (let round = 1; round <= rounds; round += 1) {
      await rig.act();
      if (round % 5 > 0 && round < rounds) continue;
      await rig.settle();
      await rig.check();
      assert.equal(rig.faults, [], `seed ${seed}, round ${round}`);
    }

    if (rounds > ROUNDS) console.log(`  seed ${seed}, ${rounds} rounds: ${rig.summary()}`);

    // A rig that cannot fail proves nothing.
    await rig.spoil(2, 'memory');
    await rig.spoil(0, 'log');
    await rig.editMuch();
    await rig.settle();
    await rig.spoil(3, 'content');
    await rig.check();
    const found = rig.faults.splice(0).map((fault) => fault.replace(/\d+ (MB|bytes)/, '$1'));
    assert.equal(found, [
      '0 has a log of bytes',
      '2 holds MB more than first',
      '3 diverges in its contents',
      '3 diverges in its records',
    ]);
  }),
);

test.run();
