/**
 * Names for what is served, on the local networks: the daemon itself, and `http://NAME.local:PORT/` for each
 * site that has a name, an origin of its own. A name that was once a site's is not given to another one here:
 * what a browser keeps for it would be the other's.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { DrayerError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { Names, type NamesOptions } from '../discovery/names.ts';
import { makeDataDir } from '../mirror/data-dir.ts';
import type { HostedStream, StreamSet } from '../server/stream-set.ts';
import { readTextIfThere, replaceSynced } from '../store/durable-file.ts';

/** What {@link openNames} is told. */
export type LocalNamesOptions = Pick<NamesOptions, 'interfaces' | 'probeMs'> & {
  /** UDP port of multicast DNS. Default: 5353. */
  readonly namePort?: number | undefined;
  /** Where the sites are served. */
  readonly httpPort: number;
  /** Names that were chosen: to public key. Others are called as they are called in lists. */
  readonly chosen?: Readonly<Record<string, Uint8Array>> | undefined;
  /** Filled with the names that are ours now: host, lower case, to public key. */
  readonly hosts: Map<string, Uint8Array>;
  /** Folder where it is remembered what was whose. Default: it is not. */
  readonly dataDir?: string | undefined;
  /** A site can be opened under this address from now on; undefined: no more. */
  readonly onAddress?: ((publicKey: Uint8Array, address: string | undefined) => void) | undefined;
  readonly onProblem?: ((problem: DrayerError) => void) | undefined;
};

/** Names that are spoken for. */
export type LocalNames = {
  /** Looks now at what is served. Whoever opens it does so again and again. */
  look(): void;
  /** Looks now at the networks; the same holds. */
  lookAtNetworks(): void;
  close(): Promise<void>;
};

/** Sites with a name; the network hears of each of them. */
const MOST_NAMES = 32;
const DAEMON = 'drayer';
/** Room for a number behind it. */
const MOST_LABEL = 60;

/** Speaks for the names of what is served, from now on. */
export async function openNames(set: StreamSet, options: LocalNamesOptions): Promise<LocalNames> {
  const { httpPort, hosts, dataDir, chosen = {}, onAddress, onProblem } = options;
  const owners = readOwners(dataDir);
  const sites = new Map<string, HostedStream>();
  const names = new Names({
    ...options,
    port: options.namePort,
    lookMs: 0,
    onProblem,
    onName: (id, host) => {
      const site = sites.get(id);
      if (site === undefined) return;
      for (const [old, key] of hosts) if (key === site.publicKey) hosts.delete(old);
      if (host === undefined) return onAddress?.(site.publicKey, undefined);
      hosts.set(host, site.publicKey);
      onAddress?.(site.publicKey, `http://${host}${httpPort === 80 ? '' : `:${httpPort}`}/`);
    },
  });
  const labels = new Map(Object.entries(chosen).map(([name, key]) => [formatStreamId(key), name]));
  let listed: readonly HostedStream[] | undefined;
  const look = (): void => {
    if (listed === set.list()) return;
    listed = set.list();
    const present = new Map(listed.map((site) => [site.id, site]));
    for (const [id, { publicKey }] of sites) {
      if (present.has(id)) continue;
      sites.delete(id);
      for (const [host, key] of hosts) if (key === publicKey) hosts.delete(host);
      void names.remove(id);
    }
    for (const [id, site] of present) {
      // Nothing else for those that have theirs, nor for hundreds that have none.
      if (sites.size >= MOST_NAMES || sites.has(id)) continue;
      const given = labels.get(id);
      const wish = labelOf(given ?? site.name ?? '');
      if (wish === undefined) continue;
      // What was chosen by hand is as it is; what was another site's gets a number.
      const label = given === undefined ? owners.free(wish, id) : owners.give(wish, id);
      sites.set(id, site);
      const facts = ['path=/', `key=${formatStreamId(site.publicKey, 'base64url')}`];
      names.put(id, label, { kind: '_http._tcp', port: httpPort, facts });
    }
  };
  const machine = labelOf(hostname().split('.', 1)[0] ?? '') ?? 'machine';
  const facts = ['v=1'];
  names.put(DAEMON, labelOf(`${DAEMON}-${machine}`) ?? DAEMON, {
    ...{ kind: '_drayer._tcp', port: httpPort, facts },
  });
  look();
  await names.open();
  return {
    look,
    lookAtNetworks: () => names.look(),
    close: async () => {
      hosts.clear();
      await names.stop();
    },
  };
}

/**
 * Makes a label of a host name of what people call something; undefined where nothing is left of it. What
 * this machine itself is called is not taken: its own resolver speaks for that.
 */
export function labelOf(name: string): string | undefined {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').replaceAll('ß', 'ss').toLowerCase();
  const label = plain
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, MOST_LABEL)
    .replace(/-$/, '');
  if (label === '') return undefined;
  const [machine = ''] = hostname().toLowerCase().split('.', 1);
  return label === machine || label === 'localhost' ? `${label}-site` : label;
}

type Owners = {
  /** A label like this one that is this site's, or was nobody's. */
  free(wish: string, id: string): string;
  /** This label, whose ever it was. */
  give(label: string, id: string): string;
};

function readOwners(dataDir: string | undefined): Owners {
  const path = dataDir === undefined ? undefined : join(dataDir, 'site-names.json');
  const text = path === undefined ? undefined : readTextIfThere(path, 'the names of sites');
  const known = new Map<string, string>();
  for (const [label, id] of Object.entries(parseJsonObject(text ?? '') ?? {})) {
    if (typeof id === 'string') known.set(label, id);
  }
  const give = (label: string, id: string): string => {
    if (known.get(label) === id) return label;
    known.set(label, id);
    const content = `${JSON.stringify(Object.fromEntries(known), undefined, 2)}\n`;
    if (path !== undefined && dataDir !== undefined) {
      makeDataDir(dataDir);
      replaceSynced(path, content, 0o600);
    }
    return label;
  };
  const isFree = (label: string, id: string): boolean => (known.get(label) ?? id) === id;
  return {
    give,
    free: (wish, id) => {
      let number = 1;
      const label = (): string => (number === 1 ? wish : `${wish}-${number}`);
      while (!isFree(label(), id)) number += 1;
      return give(label(), id);
    },
  };
}
