/**
 * The relay between the nodes of a network: passes bytes on late and slowly, and now and then breaks a
 * connection off in the middle. `relay-child.ts SEED JSON`: a list of `{ listen: [host, port], to: [host,
 * port] }`; prints `ready`, and `passed N, broken M` for each line it is sent.
 */
import { createConnection, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { randomFrom } from './scale.ts';

type Edge = {
  readonly listen: readonly [host: string, port: number];
  readonly to: readonly [host: string, port: number];
};

const [, , seed = '1', text = '[]'] = process.argv;
const random = randomFrom(Number(seed));
const edges: readonly Edge[] = JSON.parse(text);
const DELAY_MS = 4;
const BYTES_PER_MS = 4_000;
/** One connection in so many pieces is broken off. */
const BREAK_ONE_IN = 60;
let passed = 0;
let broken = 0;

for (const { listen, to } of edges) {
  const server = createServer((near) => {
    const far = createConnection({ host: to[0], port: to[1] });
    void pass(near, far);
    void pass(far, near);
  });
  await new Promise<void>((resolve) => server.listen(listen[1], listen[0], resolve));
}
console.log('ready');
createInterface({ input: process.stdin }).on('line', () => {
  console.log(`passed ${passed}, broken ${broken}`);
});

/** Each piece waits, and waits longer the larger it is; the next one waits for it. */
async function pass(from: Socket, to: Socket): Promise<void> {
  // An end that breaks off breaks off the other; that is told by the loop.
  from.on('error', () => to.destroy());
  try {
    for await (const piece of from) {
      const { length } = piece as Buffer;
      await wait(random.below(DELAY_MS * 2) + length / BYTES_PER_MS);
      if (random.oneIn(BREAK_ONE_IN)) {
        broken += 1;
        to.write((piece as Buffer).subarray(0, random.below(length)));
        from.resetAndDestroy();
        to.resetAndDestroy();
        return;
      }
      passed += length;
      to.write(piece);
    }
    to.end();
  } catch {
    to.destroy();
  }
}
