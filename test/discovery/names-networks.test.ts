/** Machines that choose one name, asked by one that knows nothing of drayer; and a kiosk among strangers. */
import { mkdirSync, readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Child, runHelper } from '../helpers/child.ts';
import { hasNetLab, type Machine, netLab } from '../helpers/net-lab.ts';
import { scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('discovery/names-networks');
// Namespaces are made by root on Linux only; who gets a name is tested without them too.
const lab = hasNetLab() ? test : test.skip;
// It waits for what machines say of themselves every ten seconds.
const patient = scaled(1) > 1 ? lab : test.skip;

function run(t: Scope, helper: string, args: readonly string[], machine: Machine): Child {
  return t.defer(runHelper(helper, [...args], machine), async ({ process, ended }) => {
    process.kill('SIGKILL');
    await ended;
  });
}

function node(
  t: Scope,
  machine: Machine,
  role: string,
  directory: string,
  ...rest: string[]
): Child {
  mkdirSync(t.path(directory), { recursive: true });
  return run(t, 'lan-child.ts', [role, t.path(directory), ...rest], machine);
}

/** The streams that a kiosk has taken, when it has so many. */
async function taken(kiosk: Child, count: number): Promise<string[]> {
  const told = (): string[] => kiosk.lines.filter((line) => line.startsWith('taken '));
  while (told().length < count) {
    await new Promise((resolve) => kiosk.process.stdout?.once('data', resolve));
  }
  return told().map((line) => line.slice('taken '.length));
}

/** Asks until there is an answer that fits: a datagram may be lost, and one a second is answered. */
async function answer(asker: Child, question: string, prefix: string): Promise<string> {
  const from = asker.lines.length;
  for (let tries = 0; tries < 40; tries += 1) {
    asker.process.stdin?.write(`${question}\n`);
    await new Promise((resolve) => setTimeout(resolve, 250));
    const line = asker.lines.slice(from).find((one) => one.startsWith(prefix));
    if (line !== undefined) return line;
  }
  throw new Error(`no ${prefix} after ${question}; there was\n${asker.lines.join('\n')}`);
}

lab(
  'names :: two machines that choose one get two; each site is an origin of its own; who goes says goodbye',
  scope(async (t) => {
    const net = netLab(t);
    const at = (address: string): Machine => net.machine({ lan: 'a', addresses: [address] });
    const [one, two] = [
      node(t, at('10.1.0.1/24'), 'named', 'one', 'Blög'),
      node(t, at('10.1.0.2/24'), 'named', 'two', 'blog'),
    ];
    const other = at('10.1.0.3/24');
    const asker = run(t, 'mdns-child.ts', ['10.1.0.3'], other);
    await asker.line('ready');
    const told = await Promise.all([one.line('name '), two.line('name ')]);

    const first = await answer(asker, 'ask blog.local A', 'blog.local 1 120 ');
    const second = await answer(asker, 'ask blog-2.local A', 'blog-2.local 1 120 ');
    const plain = await answer(asker, 'plain blog.local A', 'blog.local 1 10 ');
    const service = await answer(
      asker,
      'ask blog._http._tcp.local SRV',
      'blog._http._tcp.local 33 ',
    );
    const daemons = await answer(asker, 'ask _drayer._tcp.local PTR', '_drayer._tcp.local 12 ');

    const hosts = told.map((line) => line.split(' ')[1]).sort();
    assert.equal(hosts, ['http://blog-2.local:33125/', 'http://blog.local:33125/']);
    const addresses = [first, second].map((line) => line.split(' ')[3] ?? '');
    assert.equal(addresses.toSorted(), ['10.1.0.1', '10.1.0.2']);
    assert.is(plain.split(' ')[3], addresses[0]);
    assert.is(service, 'blog._http._tcp.local 33 120 33125 blog.local');
    assert.match(daemons, /drayer-[\w-]+\._drayer\._tcp\.local$/);

    const [holder, place] = addresses[0] === '10.1.0.1' ? [one, 'one'] : [two, 'two'];
    const page = await fetchThere(other, addresses[0] ?? '', 'blog.local:33125');
    const foreign = await fetchThere(other, addresses[0] ?? '', 'blog-2.local:33125');
    assert.match(page, `of ${t.path(place)}`);
    assert.match(foreign, '421');

    holder.process.kill('SIGTERM');
    await holder.line('closed');
    assert.ok(await asker.line('blog.local 1 0 '));
    assert.ok(await asker.line('blog._http._tcp.local 33 0 '));
  }),
);

lab(
  'names :: nonsense by the thousand ends nobody; a name that somebody else claims is given up for the next',
  scope(async (t) => {
    const net = netLab(t);
    const machine = net.machine({ lan: 'a', addresses: ['10.1.0.1/24'] });
    const one = node(t, machine, 'named', 'one', 'blog');
    const attacker = net.machine({ lan: 'a', addresses: ['10.1.0.3/24'] });
    const asker = run(t, 'mdns-child.ts', ['10.1.0.3'], attacker);
    await Promise.all([asker.line('ready'), one.line('name http://blog.local')]);

    asker.process.stdin?.write(`flood ${scaled(4_000)} 7\n`);
    await asker.line('flooded');
    const after = await answer(asker, 'ask blog.local A', 'blog.local 1 120 10.1.0.1');
    for (let tries = 0; tries < 60 && !one.lines.some((line) => /blog-2/.test(line)); tries += 1) {
      asker.process.stdin?.write('claim blog.local 10.1.0.9\n');
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    const next = await one.line('name http://blog-2.local:33125/');

    assert.ok(after && next);
    assert.not(
      one.lines.some((line) => line.startsWith('error')),
      one.lines.join('\n'),
    );
    assert.is(one.process.exitCode, null);
  }),
);

lab(
  'autoMirror :: a kiosk takes a share of what each machine has, is full, and keeps it when they are gone',
  scope(async (t) => {
    const net = netLab(t);
    const at = (address: string): Machine => net.machine({ lan: 'a', addresses: [address] });
    const here = at('10.1.0.2/24');
    const kiosk = node(t, here, 'kiosk', 'kiosk', '2');
    await kiosk.line('networks');
    // It listens: who comes is heard at once.
    const flood = node(t, at('10.1.0.1/24'), 'shelf', 'flood', '3');
    await kiosk.line('taken');
    const late = ['10.1.0.3/24', '10.1.0.4/24'].map((address) => {
      return node(t, at(address), 'shelf', address.slice(0, 8), '1');
    });
    await kiosk.line('full there are 2 of 2 streams');
    // It is full from the moment a place is reserved: what comes into it may still be on its way.
    const ids = await taken(kiosk, 2);
    for (const { process, ended } of [kiosk, flood, ...late]) {
      process.kill('SIGKILL');
      await ended;
    }

    const again = node(t, here, 'kiosk', 'kiosk', '2');

    assert.is(await again.line('keeps'), 'keeps 2');
    const keysOf = (children: readonly Child[]): string[] =>
      children.flatMap(({ lines }) => lines.map((line) => line.slice('key '.length)));
    // One machine gets half of the places.
    assert.is(ids.filter((id) => keysOf([flood]).includes(id)).length, 1);
    assert.is(ids.filter((id) => keysOf(late).includes(id)).length, 1);
    const streams = readdirSync(t.path('kiosk')).filter((name) => name.endsWith('.stream'));
    assert.is(streams.length, 2);
  }),
);

patient(
  'autoMirror :: a kiosk takes what is on the network, keeps it when its source is gone, and no more than it may',
  scope(async (t) => {
    const net = netLab(t);
    const at = (address: string): Machine => net.machine({ lan: 'a', addresses: [address] });
    const here = at('10.1.0.2/24');
    const good = node(t, at('10.1.0.1/24'), 'shelf', 'good', '2');
    await good.line('key');
    const kiosk = node(t, here, 'kiosk', 'kiosk');
    const ids = await taken(kiosk, 2);
    kiosk.process.kill('SIGKILL');
    good.process.kill('SIGKILL');
    await Promise.all([kiosk.ended, good.ended]);

    const flood = node(t, at('10.1.0.3/24'), 'shelf', 'flood', '12');
    await flood.line('key');
    const again = node(t, here, 'kiosk', 'kiosk');
    const keeps = await again.line('keeps');
    await taken(again, 2);
    // The flood has its half; what comes now finds no place.
    const late = node(t, at('10.1.0.4/24'), 'shelf', 'late', '1');
    await late.line('key');
    await again.line('full there are 4 of 4 streams');

    assert.is(keeps, 'keeps 2');
    const streams = readdirSync(t.path('kiosk')).filter((name) => name.endsWith('.stream'));
    assert.is(streams.length, 4);
    assert.equal(ids.length, new Set(ids).size);
    const own = good.lines.filter((line) => line.startsWith('key')).map((line) => line.slice(4));
    assert.equal(ids.toSorted(), own.toSorted());
  }),
);

/** Status line and body, asked from another machine. */
async function fetchThere(machine: Machine, address: string, host: string): Promise<string> {
  const { spawnSync } = await import('node:child_process');
  const script = `require('http').get({host:'${address}',port:33125,headers:{Host:'${host}'}},(r)=>{let t=r.statusCode+' ';r.on('data',(d)=>{t+=d}).on('end',()=>console.log(t))})`;
  const [command = '', ...args] = [...machine.through, process.execPath, '-e', script];
  return spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 }).stdout;
}

test.run();
