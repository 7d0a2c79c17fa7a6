/** A line between a runner and its primary that hears everything that is pushed, and can break. */
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { isSnapshot, provesTwoHistories } from '../../src/core/chain.ts';
import { bytesEqual, type SignedRecord } from '../../src/core/record.ts';
import { decodeSnapshot } from '../../src/core/snapshot.ts';
import { RecordReader } from '../../src/wire/record-reader.ts';
import type { Scope } from './scope.ts';
import { scriptedPeer } from './scripted-peer.ts';

/** A request that has come in, whole. */
export type Heard = {
  readonly method: string;
  readonly path: string;
  /** `values`, `value`, `lease`, `records`; of another request undefined. */
  readonly operation: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
};

/**
 * What becomes of it: handed on; lost on the way there; done, and its answer lost on the way back; answered
 * with a lie, that the tip has moved.
 */
export type Fate = 'forward' | 'lose' | 'lose answer' | 'refuse';

/** A running line. */
export type PushProxy = {
  readonly url: string;
  readonly heard: Heard[];
  /** The batches that were sent, in their order. */
  batches(): Buffer[];
  /** Decides about every request from now on. */
  decide(next: (heard: Heard) => Fate | Promise<Fate>): void;
};

/** Starts a line to a server on a loopback port. */
export async function pushProxy(t: Scope, port: number): Promise<PushProxy> {
  const heard: Heard[] = [];
  let decide: (heard: Heard) => Fate | Promise<Fate> = () => 'forward';
  const { url } = await scriptedPeer(t, async (path, response, incoming) => {
    const one = await hear(path, incoming);
    if (one === undefined) return;
    heard.push(one);
    const fate = await decide(one);
    if (fate === 'lose') response.destroy();
    else if (fate === 'refuse') {
      response.writeHead(409, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ status: 409, code: 'TIP_MOVED', detail: 'it has moved' }));
    } else await forward(one, response, { port, isLost: fate === 'lose answer' });
  });
  return {
    url,
    heard,
    batches: () => heard.filter((one) => one.operation === 'records').map(({ body }) => body),
    decide: (next) => {
      decide = next;
    },
  };
}

/** The records of a batch. */
export function recordsOfBatch(body: Uint8Array): SignedRecord[] {
  const reader = new RecordReader();
  const records = reader.push(new Uint8Array(body));
  reader.end();
  return records;
}

/**
 * Finds two records that prove that the key signed two histories; undefined where it did not. Snapshots
 * of one seq have to have one root, too.
 */
export function findFork(records: readonly SignedRecord[]): SignedRecord[] | undefined {
  const seen = new Map<number, SignedRecord>();
  const generations = new Map<number, SignedRecord>();
  for (const record of records) {
    const other = seen.get(record.modified);
    if (other !== undefined && provesTwoHistories(other, record)) return [other, record];
    seen.set(record.modified, record);
    if (!isSnapshot(record) || record.value === undefined) continue;
    const { seq } = decodeSnapshot(record.value);
    const twin = generations.get(seq);
    if (twin !== undefined && !bytesEqual(twin.hash, record.hash)) return [twin, record];
    generations.set(seq, record);
  }
  return undefined;
}

async function hear(path: string, incoming: IncomingMessage): Promise<Heard | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
  } catch {
    // The runner died in the middle of it.
    return undefined;
  }
  const { method = 'GET', headers } = incoming;
  const word = /\/(values|value|lease|records)(?:\/|$)/.exec(path)?.[1];
  const operation = method === 'GET' ? undefined : word;
  return { method, path, operation, headers, body: Buffer.concat(chunks) };
}

function forward(
  { method, path, headers, body }: Heard,
  response: ServerResponse,
  { port, isLost }: { port: number; isLost: boolean },
): Promise<void> {
  return new Promise((resolve) => {
    // The Host header stays: it is part of what was signed.
    const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false });
    sent.on('error', () => {
      response.destroy();
      resolve();
    });
    sent.on('response', (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const { 'transfer-encoding': _, ...kept } = answer.headers;
        const whole = Buffer.concat(chunks);
        if (isLost) response.destroy();
        else {
          const length = { 'content-length': String(whole.length) };
          response.writeHead(answer.statusCode ?? 500, { ...kept, ...length });
          response.end(whole);
        }
        resolve();
      });
    });
    sent.end(body);
  });
}
