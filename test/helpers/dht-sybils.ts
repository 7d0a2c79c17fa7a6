/** Nodes of somebody who hides the newest generations of a stream. */
import { createHash } from 'node:crypto';
import { infoHashOf, SALT, type SignedPointer, valueIn } from '../../src/discovery/dht-pointer.ts';
import { contact, type FalseNode, openFalseNode, replyTo } from './dht-lab.ts';

/** What {@link openSybils} is told. */
export type SybilOptions = {
  readonly count: number;
  /** What they show, signed once by the key. */
  readonly pointer: SignedPointer;
  readonly onAsked?: (() => void) | undefined;
};

/** Nodes as near to one of two numbers as can be made, that show an old pointer and name each other. */
export async function openSybils(
  publicKey: Uint8Array,
  { count, pointer, onAsked }: SybilOptions,
): Promise<readonly FalseNode[]> {
  const targets = [
    Buffer.from(infoHashOf(publicKey)),
    createHash('sha1').update(publicKey).update(SALT).digest(),
  ];
  const { seq, signature: sig } = pointer;
  const item = { k: publicKey, seq, sig, v: valueIn(pointer) };
  const nodes: { readonly id: Buffer; readonly node: FalseNode }[] = [];
  for (let at = 0; at < count; at += 1) {
    const id = Buffer.from(targets[at % 2] ?? '');
    id[19] = (id[19] ?? 0) ^ (at + 1);
    const node = await openFalseNode((asked) => {
      onAsked?.();
      const others = nodes.map((one) =>
        Buffer.concat([one.id, contact('127.0.0.1', one.node.port)]),
      );
      const values = [contact('8.8.8.8', 2_000 + at)];
      return [replyTo(asked, { id, token: 'x', nodes: Buffer.concat(others), values, ...item })];
    });
    nodes.push({ id, node });
  }
  return nodes.map(({ node }) => node);
}
