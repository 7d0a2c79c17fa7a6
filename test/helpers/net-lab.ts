/**
 * Networks of our own: machines (network namespaces) on switches (bridges). Needs root and `ip`; where
 * either is missing, {@link hasNetLab} says so and tests that want one are skipped.
 */
import { spawnSync } from 'node:child_process';
import type { Scope } from './scope.ts';

/** A machine in the laboratory. */
export type Machine = {
  /** What runs another command there. */
  readonly through: readonly string[];
  /** Runs `ip …` there. */
  ip(...args: string[]): void;
};

/** A laboratory. */
export type NetLab = {
  /** A machine with an interface `eth0`, `eth1` … on each of these switches, at these addresses. */
  machine(...links: readonly { readonly lan: string; readonly addresses: string[] }[]): Machine;
};

let made = 0;

/** Whether namespaces can be made here. */
export function hasNetLab(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const name = `drayer-${process.pid}-probe`;
  const isThere = spawnSync('ip', ['netns', 'add', name]).status === 0;
  if (isThere) spawnSync('ip', ['netns', 'del', name]);
  return isThere;
}

/** Makes a laboratory, which goes with the test. */
export function netLab(t: Scope): NetLab {
  made += 1;
  const prefix = `drayer-${process.pid}-${made}`;
  const switches = addSpace(t, `${prefix}-sw`);
  const known = new Set<string>();
  let machines = 0;
  return {
    machine: (...links) => {
      machines += 1;
      const name = `${prefix}-${machines}`;
      const machine = addSpace(t, name);
      machine.ip('link', 'set', 'lo', 'up');
      for (const [at, { lan, addresses }] of links.entries()) {
        const bridge = `br-${lan}`;
        if (!known.has(lan)) {
          switches.ip('link', 'add', bridge, 'type', 'bridge', 'mcast_snooping', '0');
          switches.ip('link', 'set', bridge, 'up');
          known.add(lan);
        }
        const port = `m${machines}-${at}`;
        const far = ['peer', 'name', `eth${at}`, 'netns', name];
        switches.ip('link', 'add', port, 'type', 'veth', ...far);
        switches.ip('link', 'set', port, 'master', bridge);
        switches.ip('link', 'set', port, 'up');
        for (const address of addresses) {
          const quick = address.includes(':') ? ['nodad'] : [];
          machine.ip('addr', 'add', address, 'dev', `eth${at}`, ...quick);
        }
        machine.ip('link', 'set', `eth${at}`, 'up');
      }
      return machine;
    },
  };
}

function addSpace(t: Scope, name: string): Machine {
  ip('netns', 'add', name);
  t.defer(name, () => ip('netns', 'del', name));
  return { through: ['ip', 'netns', 'exec', name], ip: (...args) => ip('-n', name, ...args) };
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}
