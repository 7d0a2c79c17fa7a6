/**
 * What a stranger's packet may say to the DHT library: nothing of it goes through as it came. It is read
 * strictly, the fields we have asked for are checked one by one, and of them a packet of our own is made.
 */
import bencode from 'bencode';
import { isPeerPort } from '../wire/peer-port.ts';
import { type MayReach, readContact } from './dht-address.ts';
import { type Bencoded, readBencode } from './dht-bencode.ts';

/** A packet of ours with what was good in a stranger's. */
export type CleanReply = { readonly transaction: number; readonly packet: Uint8Array };

const MOST_BYTES = 2_048;
const ID_BYTES = 20;
const NODE_BYTES = 26;
const PEER_BYTES = 6;
const MOST_NODES = 20;
const MOST_PEERS = 50;
const MOST_TOKEN = 64;
/** Of the value of a pointer. */
const MOST_VALUE = 200;

/**
 * Makes a packet with what may be believed of an answer.
 *
 * @param mayReach - which addresses it may name
 * @returns undefined for all that is no answer, queries above all
 */
export function cleanReply(datagram: Uint8Array, mayReach: MayReach): CleanReply | undefined {
  if (datagram.length > MOST_BYTES) return undefined;
  const message = readBencode(datagram);
  if (!(message instanceof Map)) return undefined;
  const t = bytesOf(message.get('t'), 2);
  if (t === undefined) return undefined;
  const body = bodyOf(message, mayReach);
  if (body === undefined) return undefined;
  const [high = 0, low = 0] = t;
  return { transaction: high * 256 + low, packet: bencode.encode({ ...body, t }) };
}

function bodyOf(message: ReadonlyMap<string, Bencoded>, mayReach: MayReach): object | undefined {
  const kind = bytesOf(message.get('y'), 1)?.[0];
  // `e`: only that it is one, and its number.
  if (kind === 0x65) {
    const list = message.get('e');
    const code = Array.isArray(list) && typeof list[0] === 'number' ? list[0] : 201;
    return { y: 'e', e: [code, ''] };
  }
  const answer = message.get('r');
  if (kind !== 0x72 || !(answer instanceof Map)) return undefined;
  const r = answerOf(answer, mayReach);
  return r && { y: 'r', r };
}

function answerOf(answer: ReadonlyMap<string, Bencoded>, mayReach: MayReach): object | undefined {
  const id = bytesOf(answer.get('id'), ID_BYTES);
  if (id === undefined) return undefined;
  const token = answer.get('token');
  const isToken = token instanceof Uint8Array && token.length > 0 && token.length <= MOST_TOKEN;
  return {
    id,
    token: isToken ? token : undefined,
    nodes: nodesOf(answer.get('nodes'), mayReach),
    values: peersOf(answer.get('values'), mayReach),
    ...itemOf(answer),
  };
}

function nodesOf(value: Bencoded | undefined, mayReach: MayReach): Uint8Array | undefined {
  if (!(value instanceof Uint8Array) || value.length % NODE_BYTES !== 0) return undefined;
  const count = Math.min(MOST_NODES, value.length / NODE_BYTES);
  const nodes = Array.from({ length: count }, (_, index) =>
    value.subarray(index * NODE_BYTES, (index + 1) * NODE_BYTES),
  );
  return Buffer.concat(
    nodes.filter((node) => {
      const { host, port } = readContact(node.subarray(ID_BYTES));
      // Below are services that answer whatever they are sent, with more than that.
      return mayReach(host) && port >= 1024;
    }),
  );
}

function peersOf(value: Bencoded | undefined, mayReach: MayReach): Uint8Array[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const peers = value.slice(0, MOST_PEERS).filter((peer): peer is Uint8Array => {
    if (bytesOf(peer, PEER_BYTES) === undefined) return false;
    const { host, port } = readContact(peer);
    return mayReach(host) && isPeerPort(port);
  });
  return peers.length > 0 ? peers : undefined;
}

/** A signed value, if it has the shape of a pointer (BEP 44); who signed it is checked by who asked. */
function itemOf(answer: ReadonlyMap<string, Bencoded>): object | undefined {
  const k = bytesOf(answer.get('k'), 32);
  const sig = bytesOf(answer.get('sig'), 64);
  const seq = answer.get('seq');
  const value = answer.get('v');
  if (k === undefined || sig === undefined || !(value instanceof Map)) return undefined;
  const m = value.get('m');
  const r = bytesOf(value.get('r'), 32);
  if (typeof seq !== 'number' || seq < 1 || typeof m !== 'number' || m < 1) return undefined;
  if (r === undefined || value.size !== 2) return undefined;
  const v = { m, r };
  return bencode.encode(v).length <= MOST_VALUE ? { k, sig, seq, v } : undefined;
}

function bytesOf(value: Bencoded | undefined, length: number): Uint8Array | undefined {
  return value instanceof Uint8Array && value.length === length ? value : undefined;
}
