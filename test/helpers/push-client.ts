/** A client of a push over a bare socket: each request is signed, and may be signed wrongly. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { hash } from '#crypto';
import type { SignedRecord } from '../../src/core/record.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import type { StreamReader } from '../../src/store/reader.ts';
import {
  decodeHashes,
  decodeLease,
  encodeHashes,
  encodeLeaseRequest,
  type Lease,
  type LeaseRequest,
} from '../../src/wire/push-codec.ts';
import { encodeRecords } from '../../src/wire/record-codec.ts';
import type { TestKey } from './keys.ts';
import { signRequest } from './push-auth.ts';
import { parseResponse, type RawResponse, readAll } from './raw-http.ts';
import { recordsIn } from './store.ts';

/** How a request differs from an honest one. */
export type Bent = {
  /** Signs with this key; the path stays. */
  readonly key?: TestKey;
  /** Seconds that the client's clock is off. */
  readonly clockOff?: number;
  readonly nonce?: Uint8Array;
  /** Sent in place of the body that was signed. */
  readonly sentBody?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sends the head and no body. */
  readonly headOnly?: boolean;
};

/** A client for one stream at one server. */
export type PushClient = {
  send(method: string, rest: string, body?: Uint8Array, bent?: Bent): Promise<RawResponse>;
  values(hashes: readonly Uint8Array[]): Promise<Uint8Array[]>;
  put(value: Uint8Array, bent?: Bent): Promise<RawResponse>;
  askLease(request?: LeaseRequest, bent?: Bent): Promise<RawResponse>;
  lease(request?: LeaseRequest): Promise<Lease>;
  records(body: Uint8Array, lease: string, expect: number, bent?: Bent): Promise<RawResponse>;
};

/** The code of a problem, with its status. */
export function problemIn({ status, body }: RawResponse): string {
  if (status < 400) return `${status}`;
  const text = body.toString();
  if (!text.startsWith('{')) throw new Error(`expected a problem, got ${status} ${text}`);
  return `${status} ${String(JSON.parse(text).code)}`;
}

/** Makes a client of a server on this machine. */
export function pushClient(port: number, key: TestKey): PushClient {
  const base = `/${formatStreamId(key.publicKey, 'base64url')}`;
  const send: PushClient['send'] = (method, rest, body = new Uint8Array(), bent = {}) => {
    const host = `127.0.0.1:${port}`;
    const path = `${base}/${rest}`;
    const time = Math.floor(Date.now() / 1000) + (bent.clockOff ?? 0);
    const nonce = bent.nonce ?? new Uint8Array(randomBytes(16));
    const signed = signRequest({ method, host, path, time, nonce, body }, bent.key ?? key);
    const sent = bent.sentBody ?? body;
    const headers = {
      Host: host,
      'Content-Type': 'application/octet-stream',
      'Content-Length': String(sent.length),
      ...signed,
      ...bent.headers,
      Connection: 'close',
    };
    // An empty one is left out.
    const lines = Object.entries(headers).map(([name, value]) =>
      value === '' ? '' : `${name}: ${value}\r\n`,
    );
    const head = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
    return exchange(port, bent.headOnly ? head : Buffer.concat([head, sent]));
  };
  const askLease: PushClient['askLease'] = (request = {}, bent = {}) =>
    send('POST', 'lease', encodeLeaseRequest(request), bent);
  return {
    send,
    askLease,
    values: async (hashes) => {
      const { body } = expectOk(await send('POST', 'values', encodeHashes(hashes)));
      return decodeHashes(new Uint8Array(body));
    },
    put: (value, bent) =>
      send('PUT', `value/${Buffer.from(hash(value)).toString('hex')}`, value, bent),
    lease: async (request) => decodeLease(new Uint8Array(expectOk(await askLease(request)).body)),
    records: (body, lease, expect, bent = {}) => {
      const headers = { 'Drayer-Lease': lease, 'Drayer-Expect': String(expect), ...bent.headers };
      return send('POST', 'records', body, { ...bent, headers });
    },
  };
}

/** Everything a generation has that `before` has not, as a client sends it; and the values to upload. */
export function batchOf(
  reader: StreamReader,
  before: readonly SignedRecord[] = [],
): { body: Uint8Array; records: SignedRecord[]; values: Uint8Array[] } {
  const held = new Set(before.map(({ signature }) => Buffer.from(signature).toString('hex')));
  const hashes = new Set(before.map((record) => Buffer.from(record.hash).toString('hex')));
  const changed = recordsIn(reader).filter(
    ({ signature }) => !held.has(Buffer.from(signature).toString('hex')),
  );
  const records = changed.map((record) => (record.type === 'drayer' ? record : bare(record)));
  const values = changed.flatMap(({ type, value, hash: digest }) => {
    const isHeld = hashes.has(Buffer.from(digest).toString('hex'));
    return type === 'drayer' || isHeld || value === undefined ? [] : [value];
  });
  return { body: encodeRecords(records, reader.publicKey), records, values };
}

/** A whole deploy: what is missing, the lease, the batch. */
export async function deploy(
  client: PushClient,
  { body, values }: { readonly body: Uint8Array; readonly values: readonly Uint8Array[] },
): Promise<RawResponse> {
  const byHash = new Map(values.map((value) => [Buffer.from(hash(value)).toString('hex'), value]));
  for (const digest of await client.values(values.map((value) => hash(value)))) {
    const value = byHash.get(Buffer.from(digest).toString('hex'));
    if (value !== undefined) expectOk(await client.put(value));
  }
  const { lease, tip } = await client.lease();
  const answer = await client.records(body, lease, tip);
  await client.lease({ lease, release: true });
  return answer;
}

function bare(record: SignedRecord): SignedRecord {
  const { value: _, ...rest } = record;
  return rest;
}

function expectOk(answer: RawResponse): RawResponse {
  if (answer.status < 300) return answer;
  throw new Error(`expected it done, got ${answer.status} ${answer.body.toString()}`);
}

// What a server answers to a head alone is read; a reset after it is none of the test's business.
async function exchange(port: number, request: Uint8Array): Promise<RawResponse> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(request);
  return parseResponse(await readAll(socket));
}
