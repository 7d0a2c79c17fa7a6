/** `--upnp` on networks of their own: a laptop, its router, and what a person types and reads. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Child, runHelper } from '../helpers/child.ts';
import { hasNetLab, type Machine, netLab } from '../helpers/net-lab.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('discovery/router-commands');
// Namespaces are made by root on Linux only; the messages themselves are tested on loopback.
const lab = hasNetLab() ? test : test.skip;

function kill<T extends Child>(t: Scope, child: T): T {
  return t.defer(child, async ({ process, ended }) => {
    process.kill('SIGKILL');
    await ended;
  });
}

/** Its lines are those of stderr too. */
function drayer(t: Scope, machine: Machine, ...args: string[]): Child {
  const through = [...machine.through, 'sh', '-c', 'exec "$@" 2>&1', 'sh'];
  return kill(t, runHelper('../../src/cli/bin.ts', args, { through }));
}

function siteFor(t: Scope, name: string): string {
  mkdirSync(t.path(name));
  writeFileSync(t.path(name, 'index.html'), '<title>Quinces</title>');
  return t.path(name);
}

type Home = { readonly laptop: Machine; readonly router: Child; readonly site: string };

async function home(t: Scope, speaks: string): Promise<Home> {
  const net = netLab(t);
  const outside = net.machine({ lan: 'a', addresses: ['10.9.0.1/24', '10.8.0.1/24'] });
  const laptop = net.machine({ lan: 'a', addresses: ['10.9.0.2/24'] });
  laptop.ip('route', 'add', 'default', 'via', '10.9.0.1');
  const router = kill(t, runHelper('router-child.ts', ['10.9.0.1', speaks], outside));
  await router.line('ready');
  return { laptop, router, site: siteFor(t, speaks) };
}

/** What the router is told at the beginning and at the end. */
const WAYS = [
  ['pmp', 'pmp 2 3600', 'pmp 2 0'],
  ['upnp', 'AddPortMapping 33125 3600', 'DeletePortMapping 33125'],
] as const;

lab(
  'publish --serve --lan --upnp :: says what becomes public, opens, and closes at SIGTERM',
  scope(async (t) => {
    const all = WAYS.map(async ([speaks, opened, closed]) => {
      const { laptop, router, site } = await home(t, speaks);
      const publisher = drayer(t, laptop, 'publish', site, '--serve', '--lan', '--upnp');
      await router.line(opened);
      await publisher.line('drayer: open to the Internet at http://1.2.3.4:33125/');
      const isClosedYet = router.lines.some((line) => line.startsWith(closed));
      publisher.process.kill('SIGTERM');
      const end = await publisher.ended;
      await router.line(closed);
      const said = publisher.lines.findIndex((line) => line.startsWith('drayer: --upnp: asks'));
      const done = publisher.lines.findIndex((line) => line.startsWith('drayer: open to'));
      const last = publisher.lines.includes('drayer: port 33125 of the router is closed again');
      return [isClosedYet, end, said >= 0 && said < done, last];
    });

    assert.equal(
      await Promise.all(all),
      WAYS.map(() => [false, 143, true, true]),
    );
  }),
);

lab(
  'serve --lan --upnp :: a laptop that gets another address has the port led there',
  scope(async (t) => {
    const { laptop, router, site } = await home(t, 'upnp');
    const publisher = drayer(t, laptop, 'publish', site, '--serve', '--lan', '--upnp');
    await publisher.line('drayer: open to the Internet');
    const before = router.lines.filter((line) => line.startsWith('AddPortMapping')).length;

    laptop.ip('addr', 'add', '10.8.0.2/24', 'dev', 'eth0');
    laptop.ip('route', 'replace', 'default', 'via', '10.8.0.1');
    laptop.ip('addr', 'del', '10.9.0.2/24', 'dev', 'eth0');

    // The router listens at its old address only, so that none is found there.
    await publisher.line('drayer: warning: nobody from the Internet is let in');
    assert.is(before, 1);
  }),
);

lab(
  'serve --upnp :: without a way out, or for this machine alone: a line, and it goes on',
  scope(async (t) => {
    const machine = netLab(t).machine({ lan: 'a', addresses: ['10.9.0.2/24'] });
    const wanted = ['--serve', '--upnp', '--port', '0'];

    const alone = drayer(t, machine, 'publish', siteFor(t, 'one'), '--lan', ...wanted);
    const local = drayer(t, machine, 'publish', siteFor(t, 'two'), ...wanted);
    await alone.line('drayer: warning: nobody from the Internet is let in: there is no router');
    await local.line('drayer: warning: --upnp: no port is opened: only this machine can reach');

    assert.is(
      local.lines.some((line) => line.includes('--upnp: asks')),
      false,
    );
  }),
);

test.run();
