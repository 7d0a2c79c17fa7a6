/** Listens as a server does, asks itself on each address given, and prints the statuses: for a network of its own. */
import { createApp } from '../../src/server/app.ts';
import { listen } from '../../src/server/listen.ts';
import { rawGet } from './raw-http.ts';

const streams = { find: () => undefined, list: () => [], onGeneration: () => () => {} };
const listener = await listen(createApp({ streams }), { port: 0 });
const statuses: unknown[] = [];
for (const address of process.argv.slice(2)) {
  const host = address.includes(':') ? `[${address}]` : address;
  const status = await rawGet(listener.port, '/', { address, host }).then(
    (response) => response.status,
    () => 'nobody',
  );
  statuses.push(status);
}
console.log(JSON.stringify(statuses));
await listener.close();
