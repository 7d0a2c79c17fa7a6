/**
 * A network of its own on this machine: a namespace for each node, each with one cable to a hub, and no
 * way from one node to another but through the relay in the hub. Linux, and root.
 */
import { spawnSync } from 'node:child_process';
import type { Scope } from './scope.ts';

/** A network of nodes. */
export type Network = {
  /** What a command begins with to run in a node; the hub is node −1. */
  within(node: number): readonly string[];
  /** Where a node listens, as the relay sees it. */
  addressOf(node: number): string;
  /** The hub's end of a node's cable. */
  gatewayOf(node: number): string;
  /** Cuts the cable of a node, or mends it. What is under way is lost without a word. */
  cable(node: number, isWhole: boolean): void;
  /** Whether the kernel itself loses and delays packets; otherwise only the relay does. */
  readonly isLossy: boolean;
};

/** Why there can be no such network here; undefined where there can. */
export function whyNoNetwork(): string | undefined {
  if (process.platform !== 'linux') return 'there are no network namespaces on this system';
  if (process.getuid?.() !== 0) return 'only root can make network namespaces';
  const name = `dr${process.pid}x`;
  const made = ip(['netns', 'add', name]);
  if (made !== undefined) return `network namespaces cannot be made here: ${made}`;
  const wired = ip(['-n', name, 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1']);
  ip(['netns', 'del', name]);
  return wired === undefined ? undefined : `there are no virtual cables here: ${wired}`;
}

/** Makes a network of so many nodes, which goes with the test. */
export function openNetwork(t: Scope, nodes: number): Network {
  const nameOf = (node: number): string => `dr${process.pid}${node < 0 ? 'h' : `n${node}`}`;
  const add = (node: number): void => {
    t.defer(nameOf(node), (name) => ip(['netns', 'del', name]));
    must(['netns', 'add', nameOf(node)]);
    must(['-n', nameOf(node), 'link', 'set', 'lo', 'up']);
  };
  add(-1);
  let isLossy = true;
  for (let node = 0; node < nodes; node += 1) {
    add(node);
    const [hub, end] = [
      ['name', `v${node}`, 'netns', nameOf(-1)],
      ['name', 'eth0', 'netns', nameOf(node)],
    ];
    must(['link', 'add', ...hub, 'type', 'veth', 'peer', ...end]);
    for (const [where, device, address] of [
      [nameOf(-1), `v${node}`, `10.77.${node}.1/24`],
      [nameOf(node), 'eth0', `10.77.${node}.2/24`],
    ] as const) {
      must(['-n', where, 'address', 'add', address, 'dev', device]);
      must(['-n', where, 'link', 'set', device, 'up']);
    }
    isLossy = makeLossy(nameOf(node)) && isLossy;
  }
  return {
    within: (node) => ['ip', 'netns', 'exec', nameOf(node)],
    addressOf: (node) => `10.77.${node}.2`,
    gatewayOf: (node) => `10.77.${node}.1`,
    cable: (node, isWhole) =>
      must(['-n', nameOf(-1), 'link', 'set', `v${node}`, isWhole ? 'up' : 'down']),
    isLossy,
  };
}

/** Slow, late and lossy where the kernel can be all that; many small ones have no netem. */
function makeLossy(name: string): boolean {
  const netem = ['netem', 'delay', '15ms', '5ms', 'loss', '1%', 'rate', '20mbit'];
  const args = ['netns', 'exec', name, 'tc', 'qdisc', 'add', 'dev', 'eth0', 'root', ...netem];
  return ip(args) === undefined;
}

function must(args: readonly string[]): void {
  const fault = ip(args);
  if (fault !== undefined) throw new Error(`ip ${args.join(' ')}: ${fault}`);
}

/** Runs `ip`; returns what it complains of. */
function ip(args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : stderr.trim() || `status ${status}`;
}
