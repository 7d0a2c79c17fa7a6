/** A router that does what it should, and all the ways in which one does not. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  Router,
  type RouterOptions,
  type RouterState,
  renewAfterMs,
} from '../../src/discovery/router.ts';
import { readLinuxRoutes, readNetstat } from '../../src/discovery/router-gateway.ts';
import { readPlace } from '../../src/discovery/router-ssdp.ts';
import { readDescription, textOf } from '../../src/discovery/router-xml.ts';
import {
  HANG,
  type Leading,
  type RouterSim,
  type RouterWays,
  routerSim,
  soapAnswer,
  ssdpAnswer,
} from '../helpers/router-sim.ts';
import { freshSeed, randomFrom } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('discovery/router');

type Kept = {
  readonly router: Router;
  readonly sim: RouterSim;
  /** The states that were told, in order. */
  readonly states: readonly RouterState[];
  /** Waits for the state at that place. */
  state(at: number): Promise<RouterState>;
};

const LOCAL = '127.0.0.1:33125';

/** A machine and its router, both at 127.0.0.1. */
async function keep(
  t: Scope,
  ways: RouterWays & { readonly table?: readonly (readonly [number, Leading])[] },
  { searchMs, ...options }: Partial<RouterOptions> & { readonly searchMs?: number } = {},
): Promise<Kept> {
  const { table = [], ...rest } = ways;
  const sim = t.defer(await routerSim(rest), (one) => one.close());
  for (const [port, entry] of table) sim.table.set(port, entry);
  const states: RouterState[] = [];
  const waiting = new Set<() => void>();
  const router = new Router({
    port: 33_125,
    againMs: 50,
    way: async () => ({ gateway: '127.0.0.1', local: '127.0.0.1' }),
    places: { pmp: sim.ports.pmp, ssdp: { port: sim.ports.ssdp, ms: searchMs } },
    ...options,
    onState: (state) => {
      states.push(state);
      for (const look of waiting) look();
    },
  });
  t.defer(router, (one) => one.close());
  router.open();
  const state = (at: number): Promise<RouterState> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = states[at];
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  return { router, sim, states, state };
}

for (const speaks of ['pmp', 'upnp'] as const) {
  test(
    `open and close :: over ${speaks} the port is led here, and no longer afterwards`,
    scope(async (t) => {
      const { router, sim, state } = await keep(t, { speaks: [speaks] });

      const first = await state(0);
      const led = [...sim.table];
      const left = await router.close();

      assert.equal(led, [[33_125, { to: LOCAL, leaseS: 3_600, by: speaks }]]);
      assert.equal(first, {
        is: 'open',
        by: speaks === 'pmp' ? 'NAT-PMP' : 'UPnP',
        gateway: '127.0.0.1',
        address: '1.2.3.4',
        isPublic: true,
        outsidePort: 33_125,
        leaseS: 3_600,
        port: 33_125,
      });
      assert.is(left, undefined);
      assert.equal([...sim.table], []);
    }),
  );

  test(
    `renew :: over ${speaks} it is asked again and again, and told once`,
    scope(async (t) => {
      const { sim, states, state } = await keep(t, { speaks: [speaks] }, { renewMs: 30 });
      await state(0);

      await sim.wasAsked(speaks === 'pmp' ? 'pmp 2 3600' : 'AddPortMapping 33125 3600', 4);

      assert.is(states.length, 1);
      assert.is(sim.table.size, 1);
    }),
  );

  test(
    `another port :: over ${speaks} one that leads to somebody else is left to him`,
    scope(async (t) => {
      const other = { to: '127.0.0.9:80', leaseS: 0, by: 'upnp' } as const;
      const { sim, state } = await keep(t, { speaks: [speaks], table: [[33_125, other]] });

      const first = await state(0);

      assert.ok(first.is === 'open' && first.outsidePort !== 33_125);
      assert.is(sim.table.size, 2);
      assert.equal(sim.table.get(33_125), other);
    }),
  );
}

test(
  'close :: what a router did, and whose answer was lost, is taken back too',
  scope(async (t) => {
    const { router, sim, state } = await keep(t, {
      speaks: ['upnp'],
      action: (name) => (name === 'AddPortMapping' ? 'garbage' : undefined),
    });
    await state(0);
    // As if it had been done all the same.
    sim.table.set(33_125, { to: LOCAL, leaseS: 3_600, by: 'upnp' });

    await router.close();

    assert.equal([...sim.table], []);
  }),
);

test(
  'close :: a router that has gone away is told of, and waited for no longer than 1.5 s',
  scope(async (t) => {
    const { router, sim, state } = await keep(t, { speaks: ['pmp'] });
    await state(0);
    await sim.close();

    const left = await router.close();

    assert.is(left?.code, 'UNREACHABLE');
  }),
);

test(
  'another port :: also where the router would take it from whoever has it',
  scope(async (t) => {
    const other = { to: '127.0.0.9:80', leaseS: 0, by: 'upnp' } as const;
    const { sim, state } = await keep(t, {
      speaks: ['upnp'],
      table: [[33_125, other]],
      action: (name, args) => {
        // As it comes, whoever had it.
        if (name === 'AddPortMapping') sim.table.delete(Number(args.get('NewExternalPort')));
        return undefined;
      },
    });

    const first = await state(0);

    assert.ok(first.is === 'open' && first.outsidePort !== 33_125);
    assert.equal(sim.table.get(33_125), other);
  }),
);

test(
  'close :: a router that never answers to that is told of',
  scope(async (t) => {
    const { router, sim, state } = await keep(t, {
      speaks: ['upnp'],
      action: (name) => (name === 'DeletePortMapping' ? HANG : undefined),
    });
    await state(0);

    const left = await router.close();

    assert.is(left?.message, 'the router does not answer in time');
    assert.ok(sim.asked.includes('DeletePortMapping 33125'));
  }),
);

test(
  'open :: what the system says, and even a mistake of ours, is told and ends nothing',
  scope(async (t) => {
    const ways = [
      () => Promise.reject(Object.assign(new Error('EMFILE'), { code: 'EMFILE' })),
      () => Promise.reject(new TypeError('undefined is not a function')),
    ];
    const last = async () => ({ gateway: '127.0.0.1', local: '127.0.0.1' });
    const { states, state } = await keep(
      t,
      { speaks: ['pmp'] },
      { way: async () => await (ways.shift() ?? last)() },
    );

    await state(2);

    assert.equal(
      states.slice(0, 3).map((one) => (one.is === 'closed' ? one.error.code : one.is)),
      ['UNREACHABLE', 'INTERNAL', 'open'],
    );
  }),
);

test(
  'renew :: a router that goes away is told of once, and found again when it is back',
  scope(async (t) => {
    const { sim, states, state } = await keep(
      t,
      { speaks: ['pmp'] },
      { renewMs: 30, searchMs: 50 },
    );
    await state(0);
    await sim.close();
    const gone = await state(1);
    const again = t.defer(await routerSim({ ports: sim.ports }), (one) => one.close());

    const back = await state(2);

    assert.is(gone.is === 'closed' && gone.error.code, 'UNREACHABLE');
    assert.is(back.is, 'open');
    assert.is(states.length, 3);
    assert.equal([...again.table.keys()], [33_125]);
  }),
);

test(
  'open :: a router that refuses says why, and is asked again',
  scope(async (t) => {
    let isStrict = true;
    const { state, sim } = await keep(t, {
      pmp: (_, answer) => {
        answer.writeUInt16BE(isStrict ? 2 : 0, 2);
        return [answer];
      },
      action: () => (isStrict ? 606 : undefined),
    });
    const no = await state(0);
    const led = sim.table.size;
    isStrict = false;

    const yes = await state(1);

    assert.is(no.is === 'closed' && no.error.code, 'ROUTER_REFUSED');
    assert.match(no.is === 'closed' ? no.error.message : '', 'NAT-PMP is switched off there');
    assert.is(led, 0);
    assert.is(yes.is, 'open');
  }),
);

const LIES: readonly (readonly [string, RouterWays['action']])[] = [
  [
    'says yes and does nothing',
    (name) => (name === 'AddPortMapping' ? soapAnswer(name, {}) : undefined),
  ],
  ['answers with something else', () => '<html>Log in</html>'],
  ['answers with an error without a number', () => '<errorCode>lots</errorCode>'],
  ['answers to another question', () => soapAnswer('GetStatusInfo', {})],
];
for (const [what, action] of LIES) {
  test(
    `open :: a router that ${what} is not believed`,
    scope(async (t) => {
      const { state, sim } = await keep(t, { speaks: ['upnp'], action });

      const first = await state(0);

      assert.is(first.is === 'closed' && first.error.code, 'PEER_MISBEHAVED');
      assert.is(sim.table.size, 0);
    }),
  );
}

test(
  'open :: where it says yes and the port leads to another, that other keeps it at the end',
  scope(async (t) => {
    const other = { to: '127.0.0.9:80', leaseS: 0, by: 'upnp' } as const;
    const { router, state, sim } = await keep(t, {
      speaks: ['upnp'],
      action: (name, args) => {
        if (name !== 'AddPortMapping') return undefined;
        sim.table.set(Number(args.get('NewExternalPort')), other);
        return soapAnswer(name, {});
      },
    });

    const first = await state(0);
    await router.close();

    assert.match(first.is === 'closed' ? first.error.message : '', 'leads to 127.0.0.9:80');
    assert.ok(sim.table.size > 0);
  }),
);

test(
  'open :: a router that only knows ports without an end is told of, and closed at the end',
  scope(async (t) => {
    const { router, state, sim } = await keep(t, {
      speaks: ['upnp'],
      action: (name, args) =>
        name === 'AddPortMapping' && args.get('NewLeaseDuration') !== '0' ? 725 : undefined,
    });

    const first = await state(0);
    const led = sim.table.size;
    await router.close();

    assert.is(first.is === 'open' && first.leaseS, 0);
    assert.equal([led, sim.table.size], [1, 0]);
  }),
);

for (const [outside, address] of [
  ['100.64.7.7', '100.64.7.7'],
  ['192.168.1.5', '192.168.1.5'],
  ['0.0.0.0', undefined],
] as const) {
  test(
    `open :: ${outside} at the outside is no way in from the Internet`,
    scope(async (t) => {
      for (const speaks of ['pmp', 'upnp'] as const) {
        const { state } = await keep(t, { outside, speaks: [speaks] });

        const first = await state(0);

        assert.ok(first.is === 'open');
        assert.equal([first.address, first.isPublic], [address, false]);
      }
    }),
  );
}

const BAD_PMP: readonly (readonly [string, (answer: Buffer) => Uint8Array])[] = [
  ['one byte', () => Uint8Array.of(0)],
  ['nothing', () => Uint8Array.of()],
  ['a head and no more', (answer) => answer.subarray(0, 8)],
  ['another version', (answer) => Buffer.concat([Uint8Array.of(2), answer.subarray(1)])],
  [
    'an answer to another question',
    (answer) => Buffer.concat([Uint8Array.of(0, 129), answer.subarray(2)]),
  ],
];
test(
  'open :: over NAT-PMP what is no answer counts as none; UPnP is asked',
  scope(async (t) => {
    const all = BAD_PMP.map(async ([what, make]) => {
      const { state } = await keep(t, { pmp: (_, answer) => [make(answer)] });
      const first = await state(0);
      return `${what}: ${first.is === 'open' && first.by}`;
    });

    const short = await keep(
      t,
      { speaks: ['pmp'], pmp: (_, answer) => [answer.subarray(0, 2)] },
      { searchMs: 50 },
    );
    const none = await short.state(0);

    assert.equal(
      await Promise.all(all),
      BAD_PMP.map(([what]) => `${what}: UPnP`),
    );
    assert.is(none.is === 'closed' && none.error.code, 'UNREACHABLE');
  }),
);

const WRONG_PMP: readonly (readonly [string, number, number])[] = [
  ['another port of this machine', 9, 0xff],
  ['port 0 at the outside', 10, 0],
  ['no time', 12, 0],
];
test(
  'open :: over NAT-PMP what cannot be is not believed, and taken back',
  scope(async (t) => {
    const all = WRONG_PMP.map(async ([what, at, value]) => {
      const { sim, state, router } = await keep(
        t,
        {
          speaks: ['pmp'],
          pmp: (request, answer) => {
            if (request[1] !== 0) answer.fill(value, at, at === 12 ? 16 : at + (at === 9 ? 1 : 2));
            return [answer];
          },
        },
        { searchMs: 50 },
      );
      const first = await state(0);
      await router.close();
      const code = first.is === 'closed' && first.error.code;
      return [what, code, sim.asked.includes('pmp 2 0'), sim.table.size];
    });

    assert.equal(
      await Promise.all(all),
      WRONG_PMP.map(([what]) => [what, 'PEER_MISBEHAVED', true, 0]),
    );
  }),
);

test(
  'open :: an answer of NAT-PMP from anybody else is not heard',
  scope(async (t) => {
    const stranger = t.defer(createSocket('udp4'), (one) => one.close());
    stranger.bind(0, '127.0.0.9');
    await once(stranger, 'listening');
    const { state } = await keep(t, {
      speaks: ['pmp'],
      pmp: (_, answer, from) => {
        const forged = Buffer.from(answer);
        if (forged.length === 12) forged.set([6, 6, 6, 6], 8);
        stranger.send(forged, from.port, from.address);
        return [answer];
      },
    });

    const first = await state(0);

    assert.is(first.is === 'open' && first.address, '1.2.3.4');
  }),
);

test(
  'open :: nobody but the router is ever asked, and nothing without end is read',
  scope(async (t) => {
    let asked = 0;
    const other = t.defer(
      createServer((_, response) => {
        asked += 1;
        response.end();
      }),
      (one) => one.close(),
    );
    other.listen(0, '127.0.0.2');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const there = `http://127.0.0.2:${port}`;
    const elsewhere = await keep(t, {
      speaks: ['upnp'],
      ssdp: (_, target) => [ssdpAnswer(`${there}/root.xml`, target)],
    });
    const control = await keep(t, {
      speaks: ['upnp'],
      description: (xml) => xml.replace('/ctl/IPConn', `${there}/ctl`),
    });
    const base = await keep(t, {
      speaks: ['upnp'],
      description: (xml) => xml.replace('<device>', `<URLBase>${there}</URLBase><device>`),
    });
    const redirect = await keep(t, { speaks: ['upnp'], redirect: `${there}/root.xml` });

    const endless = await keep(t, {
      speaks: ['upnp'],
      description: (xml) => `${'<service>'.repeat(20_000)}${xml}`,
    });

    const states = await Promise.all(
      [elsewhere, control, base, redirect, endless].map((one) => one.state(0)),
    );

    assert.is(asked, 0);
    // Its own address beside a foreign base is still its own.
    assert.equal(
      states.map(({ is }) => is),
      ['closed', 'closed', 'open', 'closed', 'closed'],
    );
    assert.equal(
      elsewhere.sim.asked.filter((what) => what.startsWith('GET')),
      [],
    );
    // The control: it does notice who comes.
    await fetch(`${there}/`);
    assert.is(asked, 1);
  }),
);

test(
  'open :: who answers first, with nonsense, does not keep the router from being asked',
  scope(async (t) => {
    const { state } = await keep(t, {
      speaks: ['upnp'],
      ssdp: (location, target) => [
        'HTTP/1.1 200 OK',
        'FOO * HTTP/1.1\r\n\r\n',
        `HTTP/1.1 200 OK\r\nST: ${target}\r\n\r\n`,
        ssdpAnswer('http://127.0.0.1:1/', target),
        ssdpAnswer(`${location}/missing`, target),
        ssdpAnswer(location, target),
      ],
      missing: '/root.xml/missing',
    });

    const first = await state(0);

    assert.is(first.is, 'open');
  }),
);

test('readPlace :: only a place of the router itself, on a port where no other service is likely', () => {
  const of = (location: string): string | undefined => {
    const answer = ssdpAnswer(location, 'urn:schemas-upnp-org:device:InternetGatewayDevice:1');
    const place = readPlace(Buffer.from(answer), '10.0.0.1');
    return place && `${place.gateway}:${place.port}${place.path}`;
  };

  assert.equal(
    [
      'http://10.0.0.1:5000/a.xml?b',
      'http://10.0.0.1/a',
      'https://10.0.0.1/a',
      'http://10.0.0.2/a',
      'http://10.0.0.1@10.0.0.2/a',
      'http://u:p@10.0.0.1/a',
      'http://10.0.0.1.example/a',
      'http://10.0.0.1:22/',
      'http://10.0.0.1:6379/',
      'http://167772161/a',
      'file:///etc/passwd',
      '',
    ].map(of),
    [
      '10.0.0.1:5000/a.xml?b',
      '10.0.0.1:80/a',
      ...Array(7).fill(undefined),
      // The same address in another spelling.
      '10.0.0.1:80/a',
      undefined,
      '10.0.0.1:80/',
    ],
  );
});

test('reading :: bytes and texts of any kind come to something or nothing, in one pass', () => {
  const random = randomFrom(freshSeed());
  const answer = Buffer.from(ssdpAnswer('http://10.0.0.1:5000/a.xml', 'urn:x'));
  const xml = Buffer.from(soapAnswer('GetExternalIPAddress', { NewExternalIPAddress: '1.2.3.4' }));
  for (let i = 0; i < 5_000; i += 1) {
    for (const good of [answer, xml]) {
      const bad = Buffer.from(good);
      for (let n = 0; n < 5; n += 1) bad[random.below(bad.length)] = random.below(256);
      const cut = bad.subarray(0, random.below(bad.length + 1));
      readPlace(cut, '10.0.0.1');
      readDescription(cut.toString());
      textOf(cut.toString(), 'NewExternalIPAddress');
    }
  }
  for (const part of ['<', '<service>', '<a b="', '<!--', '&amp;', '</service']) {
    const long = part.repeat(131_072 / part.length);
    assert.ok(readDescription(long).services.length <= 64);
    assert.is(textOf(long, 'controlURL'), undefined);
  }
});

test('renewAfterMs :: half of what is granted, at most what is wished, never without a pause', () => {
  assert.equal(
    [3_600, 600, 30, 1, 0, 4_294_967_295].map((leaseS) => renewAfterMs(leaseS, 600_000)),
    [600_000, 300_000, 15_000, 10_000, 600_000, 600_000],
  );
});

test('readLinuxRoutes :: the default route with the lowest metric; none where it has no router', () => {
  const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n';
  const local = 'eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\n';
  const wifi = 'wlan0\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\n';
  const wire = 'eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\n';
  const tunnel = 'tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\n';
  // Half of all addresses, as VPNs have it: no default route.
  const half = 'tun0\t00000000\t0900A8C0\t0003\t0\t0\t0\t00000080\t0\n';

  assert.is(readLinuxRoutes(head + local + wifi + wire + tunnel + half), '192.168.1.1');
  assert.is(readLinuxRoutes(head + local + tunnel), undefined);
  assert.is(readLinuxRoutes(''), undefined);
});

test('readNetstat :: what macOS and Windows print', () => {
  const mac = `Internet:
Destination        Gateway            Flags               Netif Expire
default            link#18            UCSg                utun4
default            192.168.1.1        UGScg                 en0
Internet6:
default            fe80::1%en0        UGcg                  en0`;
  const windows = `IPv4 Route Table
Network Destination        Netmask          Gateway       Interface  Metric
          0.0.0.0          0.0.0.0         10.0.0.1        10.0.0.7     25
        127.0.0.0        255.0.0.0         On-link         127.0.0.1    331`;

  assert.is(readNetstat(mac), '192.168.1.1');
  assert.is(readNetstat(windows), '10.0.0.1');
  assert.is(readNetstat('nothing'), undefined);
});

test.run();
