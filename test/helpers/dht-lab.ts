/** A DHT of our own on loopback: nodes of the library, which answer as the mainline ones do. */
import { once } from 'node:events';
import DHT from 'bittorrent-dht';
import { verify } from '#crypto';

/** A private DHT. */
export type DhtLab = {
  /** `HOST:PORT` of the first node. */
  readonly bootstrap: string;
  readonly nodes: readonly DHT[];
  /** How many peers the nodes hold under a hash. */
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
  const ready = once(node, 'ready');
  await new Promise<void>((done) => node.listen(0, '127.0.0.1', done));
  await ready;
  return node;
}
