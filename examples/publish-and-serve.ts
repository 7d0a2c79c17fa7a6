/**
 * Publishes a folder, serves it, and keeps both up to date, inside a program of your own. In this
 * repository it runs from the sources:
 *
 *   node --conditions=source --import tsx examples/publish-and-serve.ts FOLDER
 *
 * The stream and its key are made beside the folder the first time. Stop it with Ctrl-C.
 */
import { openStream, prepareSite, startDaemon, watchDirectory } from 'drayer';

const folder = process.argv[2] ?? 'examples/hello';
const port = Number(process.env['PORT'] ?? 33_125);

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

const { streamPath, keyCreated, keyPath } = prepareSite(folder);
if (keyCreated) console.log('made a key, copy it to a safe place:', keyPath);

const stream = openStream(streamPath);
// Publishes now, and again whenever the folder has changed and come to rest.
const watch = await watchDirectory(folder, stream, {
  onGeneration: ({ generation, added, changed, removed }) =>
    console.log('generation', generation.snapshot?.seq, { added, changed, removed }),
  onProblem: ({ message }) => console.error('waiting:', message),
});

const daemon = await startDaemon({
  streams: [{ path: streamPath, name: 'site' }],
  site: stream.publicKey,
  port,
  signal: stop.signal,
});
console.log('open', daemon.addresses[0]);

await daemon.closed;
await watch.close();
stream.close();
console.log('stopped');
