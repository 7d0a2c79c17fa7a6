/** A DHT of our own on loopback: nodes of the library, which answer as the mainline ones do. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import bencode from 'bencode';
import DHT from 'bittorrent-dht';
import { verify } from '#crypto';
import { readBencode } from '../../src/discovery/dht-bencode.ts';

/** A private DHT. */
export type DhtLab = {
  /** `HOST:PORT` of the first node. */
  readonly bootstrap: string;
  readonly nodes: readonly DHT[];
  close(): Promise<void>;
};

/** Starts `count` nodes that know each other. */
export async function openDhtLab(count: number): Promise<DhtLab> {
  const first = await startNode([]);
  const bootstrap = `127.0.0.1:${first.address().port}`;
  const others = Array.from({ length: count - 1 }, () => startNode([bootstrap]));
  const nodes = [first, ...(await Promise.all(others))];
  return {
    bootstrap,
    nodes,
    close: async () => {
      await Promise.all(nodes.map((node) => new Promise<void>((done) => node.destroy(done))));
    },
  };
}

async function startNode(bootstrap: readonly string[]): Promise<DHT> {
  const node = new DHT({
    bootstrap: bootstrap.length > 0 ? bootstrap : false,
    host: '127.0.0.1',
    timeout: 500,
    verify: (signature, message, publicKey) => verify(signature, message, publicKey),
  });
  node.on('warning', () => {});
  passReadOnly(node);
  const ready = once(node, 'ready');
  await new Promise<void>((done) => node.listen(0, '127.0.0.1', done));
  await ready;
  return node;
}

/** Who says that he does not answer is answered, and named to nobody (BEP 43), which the library does not know. */
function passReadOnly({ _rpc }: DHT): void {
  const { socket } = _rpc;
  const remember = socket.listeners('query');
  socket.removeAllListeners('query');
  socket.on('query', (query: { readonly ro?: number }, from: unknown) => {
    if (query.ro === 1) _rpc.emit('query', query, from);
    else for (const listener of remember) listener.call(socket, query, from);
  });
}

/** A question that came to a node of ours. */
export type Asked = {
  readonly kind: string;
  readonly transaction: Uint8Array;
  /** What it is about: an infohash or a target. */
  readonly about: Uint8Array;
  /** The packet. */
  readonly packet: Uint8Array;
  readonly from: { readonly address: string; readonly port: number };
};

/** A node that says what a test wants. */
export type FalseNode = {
  readonly port: number;
  /** The last thousand. */
  readonly asked: readonly Asked[];
  close(): void;
};

const MOST_ASKED = 1_000;

/** Starts a node; `answer` makes the packets that go back. */
export async function openFalseNode(
  answer: (asked: Asked) => readonly Uint8Array[],
): Promise<FalseNode> {
  const socket = createSocket('udp4');
  const asked: Asked[] = [];
  socket.on('message', (packet, from) => {
    const query = readQuery(packet);
    if (query === undefined) return;
    const one = { ...query, packet, from };
    asked.push(one);
    if (asked.length > MOST_ASKED) asked.shift();
    for (const reply of answer(one)) socket.send(reply, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { port: socket.address().port, asked, close: () => void socket.close() };
}

/** An answer in bencode. */
export function replyTo({ transaction }: Pick<Asked, 'transaction'>, r: object): Uint8Array {
  return bencode.encode({ t: transaction, y: 'r', r });
}

/** A contact as it is in `values`, and at the end of one of `nodes`. */
export function contact(host: string, port: number): Uint8Array {
  return Uint8Array.from([...host.split('.').map(Number), port >> 8, port & 255]);
}

function readQuery(packet: Uint8Array): Pick<Asked, 'kind' | 'transaction' | 'about'> | undefined {
  const message = readBencode(packet);
  if (!(message instanceof Map)) return undefined;
  const [kind, transaction, fields] = [message.get('q'), message.get('t'), message.get('a')];
  if (!(kind instanceof Uint8Array) || !(transaction instanceof Uint8Array)) return undefined;
  if (!(fields instanceof Map)) return undefined;
  const about = fields.get('info_hash') ?? fields.get('target');
  return {
    kind: Buffer.from(kind).toString('latin1'),
    transaction: Uint8Array.from(transaction),
    about: about instanceof Uint8Array ? Uint8Array.from(about) : new Uint8Array(20),
  };
}
