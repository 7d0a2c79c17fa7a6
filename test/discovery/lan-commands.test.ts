/** The commands on networks of their own: what a person types on two laptops on a switch. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { type Child, runHelper } from '../helpers/child.ts';
import { hasNetLab, type Machine, netLab } from '../helpers/net-lab.ts';
import { TEST_KEYS } from '../helpers/records.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('discovery/lan-commands');
// Namespaces are made by root on Linux only; the messages themselves are tested on loopback.
const lab = hasNetLab() ? test : test.skip;

function drayer(t: Scope, machine: Machine, ...args: string[]): Child {
  const child = runHelper('../../src/cli/bin.ts', [...args, '--json', '--quiet'], machine);
  return t.defer(child, async ({ process, ended }) => {
    process.kill('SIGKILL');
    await ended;
  });
}

async function resultOf(child: Child): Promise<Record<string, unknown>> {
  assert.is(await child.ended, 0);
  return JSON.parse(child.lines.join(''));
}

lab(
  'publish --serve --lan and mirror KEY :: nothing else is needed; nearby shows what is there',
  scope(async (t) => {
    const net = netLab(t);
    const [here, there] = ['10.1.0.1/24', '10.1.0.2/24'].map((address) =>
      net.machine({ lan: 'a', addresses: [address] }),
    ) as [Machine, Machine];
    mkdirSync(t.path('site'));
    writeFileSync(t.path('site', 'index.html'), '<title>Quinces</title>');
    const data = ['--data-dir', t.path('data')];

    const listening = drayer(t, there, 'nearby', '--seconds', '7', '--titles', ...data);
    const publisher = drayer(t, here, 'publish', t.path('site'), '--serve', '--lan');
    const { id } = JSON.parse(await publisher.line('{"directory"'));
    const { streams } = await resultOf(listening);
    const [heard, ...more] = streams as Record<string, unknown>[];
    assert.equal(more, []);
    assert.equal([heard?.['id'], heard?.['title'], heard?.['signed']], [id, 'Quinces', true]);
    assert.equal(heard?.['urls'], ['http://10.1.0.1:33125']);

    const mirror = drayer(t, there, 'mirror', id, '--serve', '--lan', ...data);
    await mirror.line('{"port"');
    // The daemon is asked, which has the stream by now.
    const after = await resultOf(drayer(t, there, 'nearby', ...data));
    assert.equal(after, { streams: [] });
  }),
);

lab(
  'mirror KEY :: two that say they have it, sooner and more often, do not keep it from who really has',
  scope(async (t) => {
    const net = netLab(t);
    const [here, there] = ['10.1.0.1/24', '10.1.0.2/24'].map((address) =>
      net.machine({ lan: 'a', addresses: [address] }),
    ) as [Machine, Machine];
    const addresses = ['10.1.0.66', '10.1.0.67'];
    const bad = net.machine({ lan: 'a', addresses: addresses.map((address) => `${address}/24`) });
    const liar = runHelper('lan-liar-child.ts', addresses, bad);
    t.defer(liar, ({ process }) => process.kill('SIGKILL'));
    await liar.line('listening');
    mkdirSync(t.path('site'));
    writeFileSync(t.path('site', 'index.html'), '<title>Quinces</title>');
    const publisher = drayer(t, here, 'publish', t.path('site'), '--serve', '--lan');
    const { id } = JSON.parse(await publisher.line('{"directory"'));
    await liar.line('lying');

    const mirror = drayer(t, there, 'mirror', id, '--data-dir', t.path('data'));

    assert.is((await resultOf(mirror))['id'], id);
  }),
);

lab(
  'mirror KEY :: where nobody has it, and nearby with a wrong number: a sentence and a status',
  scope(async (t) => {
    const machine = netLab(t).machine({ lan: 'a', addresses: ['10.1.0.1/24'] });
    const key = formatStreamId(TEST_KEYS.publicKey);

    const alone = drayer(t, machine, 'mirror', key, '--data-dir', t.path('data'));
    const wrong = drayer(t, machine, 'nearby', '--seconds', 'ten');

    assert.is(await alone.ended, 1);
    assert.is(await wrong.ended, 2);
  }),
);

test.run();
