/** A line of so many bytes per second in front of a server: what goes to the server is not slowed. */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import type { Scope } from './scope.ts';

const TICK_MS = 5;

/** A line that runs. */
export type SlowLine = {
  readonly url: string;
  /** Bytes that have come from the server. */
  sent(): number;
};

/** Puts a line in front of a loopback port; its rate is shared by all connections. */
export async function slowLine(t: Scope, port: number, bytesPerSecond: number): Promise<SlowLine> {
  const waiting: { readonly to: Socket; readonly from: Socket; rest: Buffer }[] = [];
  const sockets = new Set<Socket>();
  let sent = 0;
  let atMs = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    // What an idle line did not carry is lost.
    let left = Math.floor((Math.min(now - atMs, 100) / 1000) * bytesPerSecond);
    atMs = now;
    for (let turn = waiting.length; turn > 0 && left > 0; turn -= 1) {
      const item = waiting.shift();
      if (item === undefined) break;
      const piece = item.rest.subarray(0, Math.ceil(left / turn));
      item.rest = item.rest.subarray(piece.length);
      left -= piece.length;
      sent += piece.length;
      if (!item.to.destroyed) item.to.write(piece);
      if (item.rest.length > 0 && !item.to.destroyed) waiting.push(item);
      else item.from.resume();
    }
  }, TICK_MS);
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    near.on('data', (chunk: Buffer) => far.write(chunk));
    far.on('data', (chunk: Buffer) => {
      far.pause();
      waiting.push({ to: near, from: far, rest: chunk });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.defer(server, () => {
    clearInterval(timer);
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port: own } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${own}`, sent: () => sent };
}
