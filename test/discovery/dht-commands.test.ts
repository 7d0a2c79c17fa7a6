/** `drayer mirror ID --dht`: what a person types who has nothing but the key, against a DHT of twenty nodes. */
import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { withDht } from '../../src/daemon/dht.ts';
import { findInDht } from '../../src/daemon/find-in-dht.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { type Child, runHelper } from '../helpers/child.ts';
import { contact, openDhtLab, openFalseNode, replyTo } from '../helpers/dht-lab.ts';
import { KEY_B } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('discovery/dht-commands');

function drayer(t: Scope, ...args: string[]): Child {
  const config = ['--config', t.path('drayer.config.mjs'), '--data-dir', t.path('data')];
  const child = runHelper('../../src/cli/bin.ts', [...args, ...config, '--json', '--quiet']);
  return t.defer(child, async ({ process, ended }) => {
    process.kill('SIGKILL');
    await ended;
  });
}

function configure(t: Scope, bootstrap: readonly string[]): void {
  const config = { dht: { bootstrap, anyAddress: true, everyMs: 2_000 } };
  writeFileSync(t.path('drayer.config.mjs'), `export default ${JSON.stringify(config)};\n`);
}

test(
  'mirror ID --dht :: finds it, copies it and follows it; one that nobody has is told of',
  scope(async (t) => {
    const lab = t.defer(await openDhtLab(20), (one) => one.close());
    const path = t.path('own.stream');
    const stream = t.defer(createStream(path), (one) => one.close());
    stream.putFile('index.html', Buffer.from('one'));
    const { publicKey, id } = stream;
    const dht = { bootstrap: [lab.bootstrap], anyAddress: true, everyMs: 1_000 };
    const start = withDht(startDaemon, { ...dht, dataDir: t.path('publisher') });
    const publisher = await start({ streams: [{ path }], port: 0 });
    t.defer(publisher, (one) => one.close());
    configure(t, dht.bootstrap);
    // Announced: the first round of the publisher is over.
    let found: string | undefined;
    while (found === undefined) {
      found = (await findInDht(publicKey, { ...dht, dataDir: t.path('looking') })).url;
    }

    // The one without --serve, which is not refused for it; the other makes its mirror first too.
    const [none, serving] = [
      drayer(t, 'mirror', formatStreamId(KEY_B.publicKey), '--dht'),
      drayer(t, 'mirror', id, '--dht', '--serve', '--port', '0'),
    ];
    assert.is(await none.ended, 1);
    const { error } = JSON.parse(none.lines.join(''));
    await serving.line('{"port"');
    stream.putFile('index.html', Buffer.from('two'));
    await serving.line('{"time"');

    assert.is(found, publisher.addresses[0]?.replace(/\/$/, '').replace('localhost', '127.0.0.1'));
    assert.match(error.message, /nobody on this network has it, and of \d+ nodes of the DHT/);
  }),
);

test(
  'findInDht :: who is named and has it not is passed over; where nobody answers it ends in time',
  scope(async (t) => {
    const node = t.defer(
      await openFalseNode((asked) => [
        replyTo(asked, {
          id: Buffer.alloc(20, 7),
          token: 'x',
          values: [contact('127.0.0.1', 1_030)],
        }),
      ]),
      (one) => one.close(),
    );
    const silent = t.defer(await openFalseNode(() => []), (one) => one.close());
    const search = (port: number, timeoutMs?: number) =>
      findInDht(KEY_B.publicKey, {
        bootstrap: [`127.0.0.1:${port}`],
        anyAddress: true,
        dataDir: t.path('data'),
        timeoutMs,
      });

    const [lied, nobody, late] = await Promise.all([
      search(node.port),
      search(silent.port, 5_000),
      search(silent.port, 1),
    ]);

    assert.is(lied.url, undefined);
    assert.is(lied.named, 1);
    assert.ok(lied.replies >= 1);
    assert.equal(nobody, { url: undefined, replies: 0, named: 0, reason: undefined });
    assert.is(late.replies, 0);
  }),
);

test.run();
