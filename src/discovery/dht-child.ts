/**
 * The process of the DHT: the only one that ever reads its packets. It knows public keys, ports and
 * nothing else, ends when its parent does, and may fail at any time.
 */

import { type DhtOrder, type DhtReport, fromHex, fromWire, toHex, toWire } from './dht-messages.ts';
import { DhtNode } from './dht-node.ts';

let node: DhtNode | undefined;

process.on('disconnect', () => process.exit());
// It may have gone while this was being loaded.
if (!process.connected) process.exit();
process.on('message', (order: DhtOrder) => void obey(order));

async function obey(order: DhtOrder): Promise<void> {
  switch (order.do) {
    case 'open':
      return await open(order);
    case 'put': {
      const { key, port, pointer } = order;
      node?.put({ publicKey: fromHex(key), port, pointer: pointer && fromWire(pointer) });
      return;
    }
    case 'remove':
      return node?.remove(fromHex(order.key));
    case 'ping': {
      const { sent = 0, dropped = 0 } = node?.traffic ?? {};
      return tell({ is: 'alive', nodes: node?.nodes() ?? [], sent, dropped });
    }
    case 'close':
      process.exit();
  }
}

async function open(order: Extract<DhtOrder, { do: 'open' }>): Promise<void> {
  node = new DhtNode({
    ...order,
    onFound: ({ publicKey, peers, pointer, replies }) => {
      const key = toHex(publicKey);
      tell({ is: 'found', key, peers, replies, pointer: pointer && toWire(pointer) });
    },
  });
  try {
    await node.open();
    tell({ is: 'ready', port: node.port });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // The port may be free again later: whoever began this process begins another one then.
    process.send?.({ is: 'failed', message } satisfies DhtReport, () => process.exit(1));
  }
}

function tell(report: DhtReport): void {
  if (process.connected) process.send?.(report);
}
