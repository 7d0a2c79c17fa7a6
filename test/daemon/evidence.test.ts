/** Two histories of one key, over restarts and kills (R16): the proof stays, and so does what was shown. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type RunningDaemon, runDaemon } from '../../src/daemon/run-daemon.ts';
import { readStreamFacts } from '../../src/daemon/stream-facts.ts';
import { mirrorPathOf } from '../../src/mirror/data-dir.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { forkProofPathOf, readForkProof } from '../../src/store/fork-proof.ts';
import { openStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { isForkProof } from '../../src/wire/fork-proof.ts';
import { forkProofOf } from '../helpers/fork-proof.ts';
import { KEY_B } from '../helpers/keys.ts';
import { type Published, publish } from '../helpers/published.ts';
import { rawGet } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode } from '../helpers/throws.ts';
import { makeWaiting } from '../helpers/waiting.ts';

const test = suite('daemon/evidence');

const LATE_MS = 30_000;

/** In which state the proof is found at each start. */
const STARTS = {
  one: ['proof', 'nothing', 'of another key'],
  other: ['half of it', 'proof'],
} as const;

for (const first of ['one', 'other'] as const) {
  test(
    `runDaemon :: what proves two histories stays over restarts and kills, ${first} first (R16)`,
    scope(async (t) => {
      const { published, other, url } = await twoWriters(t);
      const { stream, peer } = published;
      const { publicKey, id } = stream;
      const path = mirrorPathOf(publicKey, t.path('data'));
      const daemon = await start(t);
      const own = await daemon.keep(id, [peer.url, url]);
      (first === 'one' ? stream : other).set('a', 'first');
      await daemon.until('generation 2');
      (first === 'one' ? other : stream).set('a', 'second');
      await daemon.until('TWO_HISTORIES');
      const shown = streamRows(path);
      const proof = readForkProof(path);
      assert.ok(proof !== undefined && isForkProof(proof, publicKey));
      await daemon.close();

      for (const left of STARTS[first]) {
        if (left !== 'proof') rmSync(forkProofPathOf(path));
        // What a process leaves that is killed while it writes it down.
        if (left === 'nothing') {
          writeFileSync(halfWritten(path), 'half');
          utimesSync(halfWritten(path), LONG_AGO, LONG_AGO);
        }
        if (left === 'half of it') writeFileSync(forkProofPathOf(path), proof.subarray(0, 99));
        if (left === 'of another key') writeFileSync(forkProofPathOf(path), forkProofOf(KEY_B));
        const again = await start(t);
        await again.until('TWO_HISTORIES');

        const served = await rawGet(again.port, `/${own}/forkProof`);

        assert.is(served.status, 200, left);
        assert.ok(isForkProof(new Uint8Array(served.body), publicKey), left);
        assert.is(readStreamFacts(path).forkProofPath, forkProofPathOf(path), left);
        assert.equal(streamRows(path), shown, left);
        await again.close();
      }
      assert.equal(leftIn(path), []);
    }),
  );
}

test(
  'mirrorStream :: that there are two histories is said also where the proof cannot be kept (R16)',
  scope(async (t) => {
    const { published, other, url } = await twoWriters(t);
    const { stream, peer } = published;
    const to = { publicKey: stream.publicKey, path: t.path('mirror.stream') };
    await mirrorStream({ ...to, url: peer.url });
    const shown = streamRows(to.path);
    stream.set('a', 'one');
    other.set('a', 'other');
    mkdirSync(forkProofPathOf(to.path));

    const both = mirrorStream({ ...to, urls: [peer.url, url] });
    const { message, hint } = await rejectsCode(both, 'TWO_HISTORIES');

    assert.match(message, 'has signed two histories');
    assert.match(hint ?? '', 'the proof is not kept');
    assert.match(hint ?? '', 'there is a folder of that name');
    assert.match(readStreamFacts(to.path).forkProofFault ?? '', 'there is a folder of that name');
    assert.equal(streamRows(to.path), shown);
  }),
);

/** A stream, and the same with its key elsewhere; a server for each. */
async function twoWriters(t: Scope): Promise<{ published: Published; other: Stream; url: string }> {
  const published = await publish(t);
  published.stream.set('a', 1);
  const copy = t.path('copy.stream');
  for (const end of ['', '.privatekey', '.mark']) copyFileSync(published.path + end, copy + end);
  const other = t.defer(openStream(copy), (one) => one.close());
  const { port } = await serve(t, [{ path: copy }]);
  return { published, other, url: `http://127.0.0.1:${port}` };
}

type Rig = {
  readonly port: number;
  /** Keeps a mirror; returns its id as it is in paths. */
  keep(id: string, urls: readonly string[]): Promise<string>;
  until(what: string): Promise<void>;
  close(): Promise<void>;
};

async function start(t: Scope): Promise<Rig> {
  const told: string[] = [];
  const waiting = makeWaiting(told, LATE_MS);
  const tell = (what: string): void => {
    told.push(what);
    waiting.wake();
  };
  const daemon: RunningDaemon = await runDaemon({
    streams: [],
    dataDir: t.path('data'),
    port: 0,
    pollMs: 5,
    sourcePollMs: 50,
    version: '1.2.3',
    onMirrored: ({ generation }) => tell(`generation ${generation.snapshot?.seq}`),
    onProblem: (_, { code }) => tell(code),
    onError: (error) => tell(String(error)),
  });
  t.defer(daemon, (one) => one.close());
  return {
    port: daemon.port,
    keep: async (id, [url = '', ...from]) => {
      const { signal } = new AbortController();
      const { kept } = (await daemon.keeper?.mirror({ id, url, from }, { signal })) ?? {};
      if (kept !== undefined) daemon.add({ path: kept.path });
      return encodeURIComponent(id);
    },
    until: (what) => waiting.until(what, () => told.includes(what)),
    close: () => daemon.close(),
  };
}

const LONG_AGO = new Date(Date.now() - 3_600_000);

function halfWritten(path: string): string {
  return `${forkProofPathOf(path)}.99999999.part`;
}

/** What is left beside a mirror that no mirror has. */
function leftIn(path: string): string[] {
  const known = ['', '-wal', '-shm', '.trust', '.sources', '.kept', '.fork'];
  const names = known.map((end) => basename(path) + end);
  assert.ok(existsSync(path));
  return readdirSync(dirname(path)).filter((name) => {
    return name.startsWith(basename(path)) && !names.includes(name);
  });
}

test.run();
