/** Names while they are in use: by several processes, over IPv6, claimed by others, on a network that goes and comes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Child, runHelper } from '../helpers/child.ts';
import { hasNetLab, type Machine, netLab } from '../helpers/net-lab.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('discovery/names-life');
// Namespaces are made by root on Linux only; who gets a name is tested without them too.
const lab = hasNetLab() ? test : test.skip;

const AGAIN_MS = 250;
const TRIES = 80;
const CONNECTIONS = 8;

function run(t: Scope, helper: string, args: readonly string[], machine: Machine): Child {
  return t.defer(runHelper(helper, [...args], machine), async ({ process, ended }) => {
    process.kill('SIGKILL');
    await ended;
  });
}

function named(t: Scope, machine: Machine, folder: string, ...more: string[]): Child {
  mkdirSync(t.path(folder));
  return run(t, 'lan-child.ts', ['named', t.path(folder), 'blog', ...more], machine);
}

/** Says it again and again until that comes: a datagram may be lost, and one a second is answered. */
async function until(child: Child, says: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries === TRIES) throw new Error(`nothing came of ${says}:\n${child.lines.join('\n')}`);
    child.process.stdin?.write(`${says}\n`);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

async function answered(asker: Child, question: string, prefix: string): Promise<string> {
  const from = asker.lines.length;
  const found = (): string | undefined =>
    asker.lines.slice(from).find((one) => one.startsWith(prefix));
  await until(asker, question, () => found() !== undefined);
  return found() ?? '';
}

/** What so many connections of another machine are told, without doubles. */
async function fetched(machine: Machine, address: string, host: string): Promise<string> {
  const script = `
    const http = require('node:http');
    const one = () => new Promise((done) => {
      const options = { host: '${address}', port: 33125, agent: false, headers: { Host: '${host}' } };
      http.get(options, (response) => {
        let text = response.statusCode + ' ';
        response.on('data', (piece) => { text += piece; }).on('end', () => done(text));
      }).on('error', (error) => done(error.code));
    });
    const all = Array.from({ length: ${CONNECTIONS} }, one);
    Promise.all(all).then((told) => console.log([...new Set(told)].join('|')));`;
  const [command = '', ...args] = [...machine.through, process.execPath, '-e', script];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (piece) => {
    text += piece;
  });
  await once(child, 'close');
  return text.trim();
}

lab(
  'names :: every process answers to them, over IPv6 too; renamed in use, all of them know the new one',
  scope(async (t) => {
    const net = netLab(t);
    const at = net.machine({ lan: 'a', addresses: ['10.1.0.1/24', 'fd01::1/64'] });
    const other = net.machine({ lan: 'a', addresses: ['10.1.0.3/24', 'fd01::3/64'] });
    const one = named(t, at, 'one', '2');
    const asker = run(t, 'mdns-child.ts', ['10.1.0.3', 'eth0'], other);
    await Promise.all([
      asker.line('ready'),
      one.line('serves'),
      one.line('name http://blog.local'),
    ]);

    const six = await answered(asker, 'ask6 blog.local AAAA', 'blog.local 28 120 ');
    // Who has printed the name answers nobody now: the other process has to.
    one.process.kill('SIGSTOP');
    const [overSix, overFour] = [
      await fetched(other, 'fd01::1', 'blog.local:33125'),
      await fetched(other, '10.1.0.1', 'blog.local:33125'),
    ];
    one.process.kill('SIGCONT');

    assert.is(six.split(' ')[3], `fd01${'0'.repeat(26)}01`);
    const page = `200 the blog of ${t.path('one')}`;
    assert.equal([overSix, overFour], [page, page]);

    const isRenamed = (): boolean => one.lines.some((line) => line.includes('//blog-2.local:'));
    await until(asker, 'claim blog.local 10.1.0.9', isRenamed);
    one.process.kill('SIGSTOP');
    const told = await Promise.all([
      fetched(other, 'fd01::1', 'blog-2.local:33125'),
      fetched(other, 'fd01::1', 'blog.local:33125'),
    ]);
    one.process.kill('SIGCONT');

    assert.is(told[0], page);
    assert.match(told[1] ?? '', /^421\b[^|]*$/);
  }),
);

lab(
  'names :: on a network that goes and comes a name is there again; who took it meanwhile keeps it',
  scope(async (t) => {
    const net = netLab(t);
    const at = net.machine({ lan: 'a', addresses: ['10.1.0.1/24'] });
    const other = net.machine({ lan: 'a', addresses: ['10.1.0.3/24'] });
    const one = named(t, at, 'one');
    const asker = run(t, 'mdns-child.ts', ['10.1.0.3'], other);
    await Promise.all([asker.line('ready'), one.line('name http://blog.local')]);
    const cable = async (how: 'up' | 'down'): Promise<void> => {
      const count = one.lines.filter((line) => line.startsWith('networks')).length;
      at.ip('link', 'set', 'eth0', how);
      while (one.lines.filter((line) => line.startsWith('networks')).length === count) {
        await once(one.process.stdout ?? asker.process, 'data');
      }
    };

    await cable('down');
    await cable('up');
    const back = await answered(asker, 'ask blog.local A', 'blog.local 1 120 ');
    assert.is(back, 'blog.local 1 120 10.1.0.1');

    await cable('down');
    const two = named(t, net.machine({ lan: 'a', addresses: ['10.1.0.2/24'] }), 'two');
    await two.line('name http://blog.local');
    await cable('up');
    await one.line('name http://blog-2.local');
    const after = await answered(asker, 'ask blog-2.local A', 'blog-2.local 1 120 ');
    const taken = await answered(asker, 'ask blog.local A', 'blog.local 1 120 ');

    assert.is(after, 'blog-2.local 1 120 10.1.0.1');
    assert.is(taken, 'blog.local 1 120 10.1.0.2');
    assert.not(two.lines.some((line) => line.includes('blog-2')));
  }),
);

test.run();
