/** What the process of the DHT is told, and what it tells: JSON, checked by whoever reads it. */

import { isPeerPort } from '../wire/peer-port.ts';
import { type MayReach, parseContact } from './dht-address.ts';
import type { SignedPointer } from './dht-pointer.ts';

/** To the child. Bytes are in hex. */
export type DhtOrder =
  | {
      readonly do: 'open';
      readonly bootstrap: readonly string[];
      readonly remembered: readonly string[];
      readonly port: number;
      readonly host?: string | undefined;
      readonly anyAddress: boolean;
      readonly everyMs: number;
    }
  | {
      readonly do: 'put';
      readonly key: string;
      readonly port: number;
      readonly pointer?: WirePointer | undefined;
    }
  | { readonly do: 'remove'; readonly key: string }
  | { readonly do: 'ping' }
  | { readonly do: 'close' };

/** From the child. */
export type DhtReport =
  | { readonly is: 'ready'; readonly port: number }
  | {
      readonly is: 'found';
      readonly key: string;
      readonly peers: readonly string[];
      readonly pointer?: WirePointer | undefined;
      readonly replies: number;
    }
  | {
      readonly is: 'alive';
      readonly nodes: readonly string[];
      /** Packets out, and packets of strangers dropped. */
      readonly sent: number;
      readonly dropped: number;
    }
  | { readonly is: 'failed'; readonly message: string };

type WirePointer = {
  readonly seq: number;
  readonly modified: number;
  readonly root: string;
  readonly signature: string;
};

/** A pointer as it is sent. */
export function toWire(pointer: SignedPointer): WirePointer {
  const { seq, modified, root, signature } = pointer;
  return { seq, modified, root: toHex(root), signature: toHex(signature) };
}

/** A pointer as it was sent; whether it is signed is another question. */
export function fromWire(pointer: WirePointer): SignedPointer {
  const { seq, modified, root, signature } = pointer;
  return { seq, modified, root: fromHex(root), signature: fromHex(signature) };
}

const MOST_TEXT = 500;
const MOST_PEERS = 64;
const MOST_NODES = 60;

/** Reads what the child says; undefined for what it never says in its right mind. */
export function readReport(message: unknown): DhtReport | undefined {
  if (!isObject(message)) return undefined;
  const { is, port, key, peers, replies, nodes, sent, dropped, message: text } = message;
  switch (is) {
    case 'ready':
      return typeof port === 'number' ? { is, port } : undefined;
    case 'failed':
      return typeof text === 'string' ? { is, message: text.slice(0, MOST_TEXT) } : undefined;
    case 'alive':
      if (!isTexts(nodes) || typeof sent !== 'number' || typeof dropped !== 'number') break;
      return { is, nodes: nodes.slice(0, MOST_NODES), sent, dropped };
    case 'found':
      if (typeof key !== 'string' || !isTexts(peers) || typeof replies !== 'number') break;
      return {
        is,
        key,
        // It hands on what strangers say, and may be theirs by now.
        peers: peers.slice(0, MOST_PEERS),
        replies,
        pointer: readPointer(message['pointer']),
      };
  }
  return undefined;
}

function readPointer(value: unknown): WirePointer | undefined {
  if (!isObject(value)) return undefined;
  const { seq, modified, root, signature } = value;
  if (typeof seq !== 'number' || typeof modified !== 'number') return undefined;
  if (typeof root !== 'string' || typeof signature !== 'string') return undefined;
  return { seq, modified, root, signature };
}

/** Of addresses somebody has named, those that may be asked. */
export function peersAmong(
  texts: readonly string[],
  mayReach: MayReach,
): { readonly host: string; readonly port: number }[] {
  return texts.flatMap((text) => {
    const peer = parseContact(text);
    return peer !== undefined && mayReach(peer.host) && isPeerPort(peer.port) ? [peer] : [];
  });
}

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** What is no hex is left out. */
export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}
