/** Packets a stranger may send to a DHT node. */
import bencode from 'bencode';

const id = new Uint8Array(20).fill(3);
const hash = new Uint8Array(20).fill(4);
const token = new Uint8Array(20);

function query(kind: string, fields: object): Uint8Array {
  return bencode.encode({ t: new Uint8Array([1, 2]), y: 'q', q: kind, a: { id, ...fields } });
}

/** Questions as they should be. */
export const QUERIES: readonly Uint8Array[] = [
  query('ping', {}),
  query('find_node', { target: hash }),
  query('get_peers', { info_hash: hash }),
  query('announce_peer', { info_hash: hash, port: 33_125, token }),
  query('get', { target: hash }),
  query('put', { v: 'x', token }),
  query('sample_infohashes', { target: hash }),
];

/** Each ends a node of bittorrent-dht 11 that gets it as it is; the last by a length below zero. */
export const KILLERS: readonly Uint8Array[] = [
  query('get_peers', { info_hash: 1 }),
  query('get', { target: 1 }),
  query('announce_peer', { info_hash: hash, port: 33_125, token: 1 }),
  query('put', { v: 'x', token: 1 }),
  query('find_node', { target: [1] }),
  new TextEncoder().encode('l-3:e'),
];
