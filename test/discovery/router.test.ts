/** A router that does what it should, and all the ways in which one does not. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Router, type RouterOptions, type RouterState } from '../../src/discovery/router.ts';
import { type RouterSim, type RouterWays, routerSim } from '../helpers/router-sim.ts';
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
  ways: RouterWays,
  options: Partial<RouterOptions> = {},
): Promise<Kept> {
  const sim = t.defer(await routerSim(ways), (one) => one.close());
  const states: RouterState[] = [];
  const waiting = new Set<() => void>();
  const router = new Router({
    port: 33_125,
    againMs: 50,
    way: async () => ({ gateway: '127.0.0.1', local: '127.0.0.1' }),
    ports: sim.ports,
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
      const sim = t.defer(await routerSim({ speaks: [speaks] }), (one) => one.close());
      const other = { to: '127.0.0.9:80', leaseS: 0, by: 'upnp' } as const;
      sim.table.set(33_125, other);
      const states: RouterState[] = [];
      const opened = new Promise<RouterState>((resolve) => {
        const router = new Router({
          port: 33_125,
          way: async () => ({ gateway: '127.0.0.1', local: '127.0.0.1' }),
          ports: sim.ports,
          onState: (state) => {
            states.push(state);
            resolve(state);
          },
        });
        t.defer(router, (one) => one.close());
        router.open();
      });

      const state = await opened;

      assert.is(state.is === 'open' && state.outsidePort !== 33_125, true);
      assert.is(sim.table.size, 2);
      assert.equal(sim.table.get(33_125), other);
    }),
  );
}

test.run();
