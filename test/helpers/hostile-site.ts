/** What is mirrored among hostile sources: two generations with small values and a large one, and a trap. */
import { createServer } from 'node:net';
import { noise, type Published } from './published.ts';
import type { Scope } from './scope.ts';

/** Makes a generation. */
export function fill({ stream }: Published): void {
  stream.transaction((tx) => {
    for (let at = 0; at < 20; at += 1) tx.setBytes('file', `page-${at}`, noise(2000, at));
    tx.setBytes('file', 'film', noise(700_000, 1));
  });
}

/** Makes the next one: some changed, one gone. */
export function change({ stream }: Published): void {
  stream.transaction((tx) => {
    for (let at = 0; at < 20; at += 3) tx.setBytes('file', `page-${at}`, noise(2000, 99 + at));
    tx.deleteBytes('file', 'page-1');
    tx.setBytes('file', 'film', noise(700_000, 2));
  });
}

/** An address that nobody must dial. */
export async function startTrap(t: Scope): Promise<{ url: string; dialled(): number }> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.defer(server, () => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/`, dialled: () => count };
}
