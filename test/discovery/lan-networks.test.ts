/** Machines that know nothing of each other but a key, on networks of their own. */
import { mkdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Child, runHelper } from '../helpers/child.ts';
import { hasNetLab, type Machine, netLab } from '../helpers/net-lab.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('discovery/lan-networks');
// Namespaces are made by root on Linux only; the messages themselves are tested on loopback.
const lab = hasNetLab() ? test : test.skip;

/** Far below the 30 s after which a source is looked at anyway. */
const SOON_MS = 15_000;

type Node = Child & { set(key: string): Promise<Swap> };
/** A generation that has become visible, and when. */
type Swap = { readonly tip: string; readonly ms: number };

function run(t: Scope, machine: Machine, ...[role, ...rest]: [string, ...string[]]): Node {
  const directory = t.path(`${role}-${Math.random().toString(36).slice(2)}`);
  mkdirSync(directory);
  const child = runHelper('lan-child.ts', [role, directory, ...rest], machine);
  t.defer(child, async ({ process, ended }) => {
    process.kill('SIGKILL');
    await ended;
  });
  const set = async (key: string): Promise<Swap> => {
    const before = child.lines.length;
    child.process.stdin?.write(`set ${key} text\n`);
    return swapOf(await lineAfter(child, before, 'swap'));
  };
  return { ...child, set };
}

/** The first line that begins so after the first `from` lines. */
async function lineAfter(child: Child, from: number, prefix: string): Promise<string> {
  for (;;) {
    const line = child.lines.slice(from).find((one) => one.startsWith(prefix));
    if (line !== undefined) return line;
    const printed = new Promise<void>((resolve) => {
      child.process.stdout?.once('data', () => setImmediate(resolve));
    });
    const end = await Promise.race([printed, child.ended]);
    if (end !== undefined) throw new Error(`the child ended (${end}) before '${prefix}'`);
  }
}

function swapOf(line: string): Swap {
  const [, tip = '', ms] = line.split(' ');
  return { tip, ms: Number(ms) };
}

/** Waits until a mirror shows that generation; undefined where it does not soon. */
async function reaches(child: Child, { tip }: Swap, withinMs: number): Promise<Swap | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, withinMs, undefined);
  });
  const line = await Promise.race([child.line(`swap ${tip} `), late]);
  clearTimeout(timer);
  return line === undefined ? undefined : swapOf(line);
}

async function keyOf(publisher: Child): Promise<string> {
  return (await publisher.line('key')).slice('key '.length);
}

lab(
  'a publisher and three mirrors :: converge, whatever becomes of interfaces, addresses and all but one of them',
  scope(async (t) => {
    const net = netLab(t);
    const at = net.machine({ lan: 'a', addresses: ['10.1.0.1/24', 'fd01::1/64'] });
    const publisher = run(t, at, 'publish');
    const key = await keyOf(publisher);
    const between = net.machine(
      { lan: 'a', addresses: ['10.1.0.2/24', 'fd01::2/64'] },
      { lan: 'b', addresses: ['10.2.0.2/24'] },
    );
    const near = run(t, between, 'mirror', key);
    await near.line('mirrors');
    const beside = run(t, net.machine({ lan: 'a', addresses: ['10.1.0.3/24'] }), 'mirror', key);
    const far = run(t, net.machine({ lan: 'b', addresses: ['10.2.0.3/24'] }), 'mirror', key);
    await Promise.all([beside.line('mirrors'), far.line('mirrors')]);
    // Over the one with two interfaces.
    assert.is(await far.line('found'), 'found http://10.2.0.2:33125');
    const allReach = async (swap: Swap, what: string): Promise<Swap[]> => {
      const mirrors = [near, far, beside];
      const swaps = await Promise.all(mirrors.map((one) => reaches(one, swap, SOON_MS)));
      return swaps.map((one, i) => {
        assert.ok(one !== undefined, `${what}: mirror ${i} missed it`);
        return one;
      });
    };

    const spans: number[][] = [];
    for (const name of ['two', 'three', 'four', 'five', 'six']) {
      const swap = await publisher.set(name);
      const [first, second] = await allReach(swap, name);
      spans.push([(first?.ms ?? 0) - swap.ms, (second?.ms ?? 0) - (first?.ms ?? 0)]);
    }
    console.log(`swap to swap, ms: ${spans.map((pair) => pair.map(Math.round).join('+'))}`);

    const before = near.lines.length;
    between.ip('link', 'set', 'eth0', 'down');
    assert.is(await lineAfter(near, before, 'networks'), 'networks eth1 10.2.0.2');
    const missed = await publisher.set('seven');
    assert.ok((await reaches(beside, missed, SOON_MS)) !== undefined, 'nothing hinders this one');
    assert.is(await reaches(far, missed, 500), undefined, 'there is no way to this one');
    between.ip('link', 'set', 'eth0', 'up');
    await allReach(missed, 'an interface that was down');

    at.ip('addr', 'flush', 'dev', 'eth0');
    at.ip('addr', 'add', '10.1.0.9/24', 'dev', 'eth0');
    await publisher.line('networks eth0 10.1.0.9');
    const last = await publisher.set('eight');
    await allReach(last, 'a publisher at another address');

    for (const { process, ended } of [publisher, near, beside]) {
      process.kill('SIGKILL');
      await ended;
    }
    const again = run(t, between, 'mirror', key);
    assert.is(await again.line('found'), 'found http://10.2.0.3:33125');
    await again.line('mirrors');
    const late = run(t, net.machine({ lan: 'a', addresses: ['10.1.0.4/24'] }), 'mirror', key);
    assert.is(await late.line('found'), 'found http://10.1.0.2:33125');
    assert.is(await late.line('mirrors'), `mirrors ${last.tip}`);
  }),
);

lab(
  'a new address :: of the publisher is found by who listens, and by nobody else',
  scope(async (t) => {
    const net = netLab(t);
    const at = net.machine({ lan: 'a', addresses: ['10.1.0.1/24'] });
    const publisher = run(t, at, 'publish');
    const key = await keyOf(publisher);
    const [one, two] = ['10.1.0.2/24', '10.1.0.3/24'].map((address) =>
      net.machine({ lan: 'a', addresses: [address] }),
    ) as [Machine, Machine];
    const [mirror, deaf] = [run(t, one, 'mirror', key), run(t, two, 'mirror', key, 'quiet')];
    await Promise.all([mirror.line('mirrors'), deaf.line('mirrors')]);

    at.ip('addr', 'add', '10.1.0.9/24', 'dev', 'eth0');
    at.ip('addr', 'del', '10.1.0.1/24', 'dev', 'eth0');
    at.ip('addr', 'replace', '10.1.0.9/24', 'dev', 'eth0');
    await publisher.line('networks eth0 10.1.0.9');
    const swap = await publisher.set('two');

    assert.ok((await reaches(mirror, swap, SOON_MS)) !== undefined, 'the mirror missed it');
    assert.is(await reaches(deaf, swap, 500), undefined);
  }),
);

test.run();
