/**
 * Who else has a stream that is not served here, for people who ask for it. What is held but not served is
 * never spoken of, and what is on a network is for who is on it.
 */
import { networkInterfaces } from 'node:os';
import { bytesEqual } from '../core/record.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import type { NearbyStream } from '../discovery/discovery.ts';
import { type Interfaces, listNetworks, networkOf } from '../discovery/networks.ts';
import { parsePeerUrl } from '../mirror/peer-url.ts';
import type { FindElsewhere } from '../server/unknown-stream.ts';
import type { KeptMirror } from './kept-mirrors.ts';

/** Mirrors that are kept, and what was heard nearby, as far as it says where a stream is. */
export type KnownPlaces = {
  readonly kept: readonly Pick<KeptMirror, 'id' | 'urls' | 'isHidden' | 'isAuto'>[];
  readonly nearby: readonly Pick<NearbyStream, 'publicKey' | 'urls'>[];
};

/** Where {@link findElsewhere} looks. */
export type Places = {
  /** What the operator has said: id in base64 to the address of a server. */
  readonly moved?: Readonly<Record<string, string>> | undefined;
  /** Mirrors that are kept; one of which nothing has come yet is still at its source. */
  readonly kept?: (() => KnownPlaces['kept']) | undefined;
  readonly nearby?: (() => KnownPlaces['nearby']) | undefined;
  /** What `networkInterfaces` of node:os returns. */
  readonly interfaces?: (() => Interfaces) | undefined;
};

/** Makes what looks in all of them. */
export function findElsewhere({
  moved = {},
  kept = () => [],
  nearby = () => [],
  interfaces = networkInterfaces,
}: Places): FindElsewhere {
  return (publicKey, address) => {
    const id = formatStreamId(publicKey);
    const said = moved[id];
    const mirror = kept().find((one) => one.id === id);
    // Who nobody here has chosen is no better than who was heard; what is held in silence stays so.
    const sources = mirror?.isHidden === false && mirror.isAuto !== true ? mirror.urls : [];
    const heard = nearby().find((stream) => bytesEqual(stream.publicKey, publicKey))?.urls ?? [];
    return {
      known: [...(said === undefined ? [] : [said]), ...sources].flatMap((url) => baseOf(url, id)),
      heard: heard.filter((url) => isForThem(url, address, interfaces())),
    };
  };
}

/** Where the sites of a server stand; none for an address that belongs to one site alone. */
function baseOf(url: string, id: string): string[] {
  const { base, site, publicKey } = parsePeerUrl(url);
  if (publicKey !== undefined && !bytesEqual(publicKey, parseStreamId(id))) return [];
  return site ? [] : [base];
}

/** Whether an address is on a network of who asks: this machine, or another one there. */
function isForThem(url: string, client: string | undefined, interfaces: Interfaces): boolean {
  const asker = client?.replace(/^::ffff:/i, '') ?? '';
  if (/^(?:127\.|::1$)/.test(asker)) return true;
  const networks = listNetworks(interfaces);
  const theirs = networkOf(asker, networks);
  const there = networkOf(new URL(url).hostname.replace(/^\[|\]$/g, ''), networks);
  // The interface counts: one network may have addresses of both families.
  return theirs !== undefined && there !== undefined && theirs.name === there.name;
}
