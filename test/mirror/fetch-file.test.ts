import { decode, encode } from '@msgpack/msgpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fetchFile } from '../../src/mirror/fetch-file.ts';
import { noise, type Published, publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve, vectorStream } from '../helpers/serving.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/fetch-file');

const PAGE = new TextEncoder().encode('<h1>hello</h1>');

test(
  'fetchFile :: a file comes with the snapshot that proves it (R23)',
  scope(async (t) => {
    const { stream, peer } = await publishSite(t);

    const file = await fetchFile(peer.url, stream.publicKey, 'docs/page.html');

    assert.is(Buffer.compare(file.content, PAGE), 0);
    assert.is(file.record.key, 'docs/page.html');
    assert.is(file.record.value, undefined);
    assert.is(file.snapshot?.seq, 1);
  }),
);

test(
  'fetchFile :: an empty path or one that ends in a slash is the index there',
  scope(async (t) => {
    const { stream, peer } = await publishSite(t);

    for (const path of ['', 'docs/']) {
      const file = await fetchFile(peer.url, stream.publicKey, path);
      assert.is(file.record.key, `${path}index.html`);
    }
  }),
);

test(
  'fetchFile :: what is not there is proved not to be (R23)',
  scope(async (t) => {
    const { stream, peer } = await publishSite(t);

    const error = await rejectsCode(
      fetchFile(peer.url, stream.publicKey, 'nothing.html'),
      'RECORD_NOT_FOUND',
    );

    assert.match(error.message, 'has no file nothing.html (in generation 1, proved)');
  }),
);

test(
  'fetchFile :: a peer that lies about anything is found out',
  scope(async (t) => {
    const { stream, peer, port } = await publishSite(t);
    const id = encodeURIComponent(stream.id);
    const other = await fetch(`http://127.0.0.1:${port}/${id}/record/file/index.html?proof=1`);
    const otherProof = Buffer.from(await other.arrayBuffer());
    const lies: ((body: ProofMap) => Buffer | undefined)[] = [
      (body) => flip(body.snapshot['sig']),
      (body) => flip(body.snapshot['val']),
      (body) => flip(body.record['sig']),
      (body) => flip(body.record['hash']),
      (body) => flip(body.path[0]?.[1]),
      (body) => void body.path.pop(),
      () => otherProof,
      () => Buffer.from('nonsense'),
    ];

    for (const lie of lies) {
      peer.tamper((path, answer) => {
        if (!path.includes('proof=1')) return undefined;
        const body = decode(answer.body, { useBigInt64: true }) as ProofMap;
        answer.body = lie(body) ?? Buffer.from(encode(body, { useBigInt64: true }));
        return undefined;
      });
      await rejectsCode(fetchFile(peer.url, stream.publicKey, 'docs/page.html'), 'PEER_MISBEHAVED');
    }
    peer.tamper((path, answer) => {
      if (path.includes('/value/')) answer.body = Buffer.from(noise(answer.body.length));
      return undefined;
    });
    await rejectsCode(fetchFile(peer.url, stream.publicKey, 'docs/page.html'), 'PEER_MISBEHAVED');
  }),
);

test(
  'fetchFile :: without a snapshot the record is signed, and no more is claimed',
  scope(async (t) => {
    const { stream, peer } = await publish(t, { snapshots: false });
    stream.putFile('page.html', PAGE);

    const file = await fetchFile(peer.url, stream.publicKey, 'page.html');

    assert.is(Buffer.compare(file.content, PAGE), 0);
    assert.is(file.snapshot, undefined);
    await rejectsCode(fetchFile(peer.url, stream.publicKey, 'no'), 'RECORD_NOT_FOUND');
  }),
);

test(
  'fetchFile :: an original is read through its list',
  scope(async (t) => {
    const path = vectorStream(t, 'site');
    const { port, streams } = await serve(t, [{ path }]);
    const [listed] = streams.list();
    const { proxyPeer } = await import('../helpers/proxy-peer.ts');
    const peer = await proxyPeer(t, port);
    peer.tamper((asked, answer) => {
      const isKnown = /\/(newRecords|crdr)\/\d+$/.test(asked);
      if (!isKnown) answer.status = asked.includes('?') ? 404 : 500;
      return undefined;
    });
    const key = streams
      .find(listed?.publicKey as Uint8Array)
      ?.entries({ type: 'file' })
      .next().value?.key as string;

    const file = await fetchFile(peer.url, listed?.publicKey as Uint8Array, key);

    assert.ok(file.content.length > 0);
    assert.is(file.record.key, key);
    assert.is(file.snapshot, undefined);
    await rejectsCode(
      fetchFile(peer.url, listed?.publicKey as Uint8Array, 'no'),
      'RECORD_NOT_FOUND',
    );
  }),
);

test(
  'fetchFile :: a content above the limit is refused',
  scope(async (t) => {
    const { stream, peer } = await publishSite(t);

    await rejectsCode(
      fetchFile(peer.url, stream.publicKey, 'zeros.bin', { maxBytes: 1000 }),
      'FILE_RECORD_INVALID',
    );
  }),
);

type ProofMap = {
  snapshot: Record<string, unknown>;
  record: Record<string, unknown>;
  path: [bit: number, sibling: Uint8Array][];
};

async function publishSite(t: Scope): Promise<Published> {
  const published = await publish(t);
  published.stream.transaction((tx) => {
    tx.putFile('docs/page.html', PAGE);
    tx.putFile('index.html', PAGE);
    tx.putFile('docs/index.html', PAGE);
    tx.putFile('zeros.bin', new Uint8Array(100_000));
  });
  return published;
}

function flip(bytes: unknown): undefined {
  if (bytes instanceof Uint8Array) bytes[9] = (bytes[9] ?? 0) ^ 4;
  else throw new Error('nothing to flip');
  return undefined;
}

test.run();
