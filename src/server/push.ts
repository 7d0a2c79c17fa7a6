/**
 * Push (PROTOCOL.md §8): the owner of a stream writes it here from where nobody can dial. Who asks, how
 * much, under which lease and on which tip is known before a body is read; a batch becomes one generation
 * or nothing.
 */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Context } from 'koa';
import { DrayerError } from '../core/errors.ts';
import type { SignedRecord } from '../core/record.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { type AcceptedBatch, acceptBatch } from '../store/accept-batch.ts';
import { keyPathOf } from '../store/key-file.ts';
import { findReceipt } from '../store/push-receipts.ts';
import { openPushedValues, type PushedValues } from '../store/pushed-values.ts';
import type { StreamReader } from '../store/reader.ts';
import { LIMITS } from '../wire/limits.ts';
import type { StreamRequest } from '../wire/path-parser.ts';
import { PUSH_HEADERS } from '../wire/push-auth.ts';
import { decodeLeaseRequest, encodeLease, encodeReceipt } from '../wire/push-codec.ts';
import { RecordReader } from '../wire/record-reader.ts';
import { clientOf, type TrustedProxies } from './client.ts';
import { type AddressDetail, cutAddress } from './push-address.ts';
import { announcedBytes, readBody } from './push-body.ts';
import { type GateOptions, PushGate } from './push-gate.ts';
import { LEASE_SECONDS, PushLeases } from './push-leases.ts';
import { answerValues, type Upload } from './push-values.ts';
import type { StreamSet } from './stream-set.ts';
import { OCTETS } from './value.ts';

/** What a server that takes pushes is told. */
export type PushOptions = GateOptions & {
  /** Folder for streams that are not hosted yet. */
  readonly dataDir: string;
  /** Most bytes on disk of one stream, uploads included. Default 1 GiB. */
  readonly quota?: number | undefined;
  /** Proxies that are believed about who pushes. Default: none. */
  readonly proxies?: TrustedProxies | undefined;
  /** How much of a client's address is told of. Default: its network. */
  readonly address?: AddressDetail | undefined;
  /** A clock in ms that only goes on, for the leases. */
  readonly leaseMs?: (() => number) | undefined;
  /** Hosts a stream file that was not there before. */
  readonly onFile?: ((path: string) => void) | undefined;
  /** Told about every batch that was taken. */
  readonly onDeploy?: ((deploy: Deploy) => void) | undefined;
};

/** A batch that was taken: the audit log's line. */
export type Deploy = {
  /** Base64. */
  readonly id: string;
  readonly seq: number;
  /** In hex; undefined where the stream has no snapshots. */
  readonly root: string | undefined;
  /** Records of the batch, and those that are gone. */
  readonly records: number;
  readonly removed: number;
  /** Bytes of the batch, and of the values uploaded for it. */
  readonly bytes: number;
  /** As far as the operator wants it written down. */
  readonly address: string | undefined;
};

/** Bytes of one stream, by default. */
const QUOTA_BYTES = 1024 ** 3;

/** How long a batch may be at work. */
const BUSY_MS = 600_000;

/** Whether a request is one of a push. */
export function isPush(method: string, { operation }: StreamRequest): boolean {
  if (operation === 'value') return method === 'PUT';
  return operation === 'values' || operation === 'lease' || operation === 'records';
}

/** The pushes of one server. */
export class PushDesk {
  readonly #options: PushOptions;
  readonly #gate: PushGate;
  readonly #leases: PushLeases;
  readonly #streams: StreamSet;
  readonly #values = new Map<string, PushedValues>();
  /** Streams with a batch at work: a second one waits for nothing. */
  readonly #busy = new Set<string>();

  constructor(streams: StreamSet, options: PushOptions) {
    this.#streams = streams;
    this.#options = options;
    this.#gate = new PushGate(options);
    this.#leases = new PushLeases(options.leaseMs);
  }

  /** Whether this key may push. */
  isAllowed(publicKey: Uint8Array): boolean {
    return this.#gate.isAllowed(publicKey);
  }

  /**
   * Answers a request of a push.
   *
   * @throws {DrayerError} what the gate, the lease, the quota or the batch has against it
   */
  async answer(ctx: Context, publicKey: Uint8Array, request: StreamRequest): Promise<void> {
    checkMethod(ctx, request);
    const bodyHash = this.#gate.admit(ctx, publicKey);
    const path = this.#pathOf(publicKey);
    const given = { ctx, publicKey, path, bodyHash };
    if (request.operation === 'value') await answerValues(this.#uploadOf(given), request.hash);
    else if (request.operation === 'values') await answerValues(this.#uploadOf(given), undefined);
    else if (request.operation === 'lease') await this.#answerLease(given);
    else await this.#takeBatch(given);
  }

  async #answerLease({ ctx, publicKey, path, bodyHash }: Given): Promise<void> {
    const body = await readBody(ctx.req, { most: LIMITS.pushLeaseBytes, bodyHash });
    const { lease: named, release } = decodeLeaseRequest(body);
    if (release === true && named !== undefined) this.#leases.release(publicKey, named);
    const lease = release ? (named ?? '-') : this.#hold(publicKey, named);
    if (!release) this.#valuesOf(path).discard([]);
    const reader = this.#streams.find(publicKey);
    const snapshot = reader?.generation().snapshotRecord?.value;
    const expires = release ? 0 : LEASE_SECONDS;
    send(ctx, encodeLease({ lease, expires, tip: tipOf(reader), snapshot }));
  }

  #hold(publicKey: Uint8Array, named: string | undefined): string {
    if (named === undefined) return this.#leases.take(publicKey);
    return this.#leases.renew(publicKey, named);
  }

  async #takeBatch(given: Given): Promise<void> {
    const { ctx, publicKey, path, bodyHash } = given;
    const tip = tipOf(this.#streams.find(publicKey));
    const batch = Buffer.from(bodyHash).toString('hex');
    const taken = findReceipt(path, batch, tip);
    if (taken !== undefined) {
      ctx.req.resume();
      return send(ctx, encodeReceipt({ tip: taken.tip, seq: taken.seq, batch: bodyHash }));
    }
    const lease = ctx.get(PUSH_HEADERS.lease);
    const expect = parseExpect(ctx.get(PUSH_HEADERS.expect));
    this.#leases.check(publicKey, lease);
    if (expect !== tip) throw tipMoved(expect, tip);
    this.#checkQuota(path, announcedBytes(ctx.req, LIMITS.pushBatchBytes));

    const id = formatStreamId(publicKey);
    if (this.#busy.has(id)) throw new DrayerError('STREAM_BUSY', 'a batch is being taken just now');
    this.#busy.add(id);
    try {
      const body = await readBody(ctx.req, { most: LIMITS.pushBatchBytes, bodyHash });
      // The line may have been slow; and checking may take longer than a silent line is kept.
      ctx.req.socket.setTimeout(BUSY_MS);
      this.#leases.renew(publicKey, lease);
      const accepted = await this.#accept(given, { body, expect });
      const { tip: newTip, snapshot } = accepted.generation;
      send(ctx, encodeReceipt({ tip: newTip, seq: snapshot?.seq ?? 0, batch: bodyHash }));
    } finally {
      this.#busy.delete(id);
    }
  }

  async #accept(
    { ctx, publicKey, path, bodyHash }: Given,
    { body, expect }: { readonly body: Uint8Array; readonly expect: number },
  ): Promise<AcceptedBatch> {
    const records = readRecords(body);
    const values = this.#valuesOf(path);
    const isNew = !existsSync(path);
    const uploaded = values.bytes;
    const job = { path, publicKey, records, expect, batch: bodyHash, values };
    const accepted = await acceptBatch(job);
    if (isNew) this.#options.onFile?.(path);
    values.discard(records.map((record) => record.hash));
    const { snapshot } = accepted.generation;
    this.#options.onDeploy?.({
      id: formatStreamId(publicKey),
      seq: snapshot?.seq ?? 0,
      root: snapshot && Buffer.from(snapshot.root).toString('hex'),
      records: accepted.records,
      removed: accepted.removed,
      bytes: body.length + uploaded - values.bytes,
      address: cutAddress(clientOf(ctx.req, this.#options.proxies).address, this.#options.address),
    });
    return accepted;
  }

  /**
   * Where the stream is, or is to be: in the data folder, and nowhere else. One that is signed on this
   * machine, or served from another place, is not for others to write.
   */
  #pathOf(publicKey: Uint8Array): string {
    const path = resolve(this.#options.dataDir, `${formatStreamId(publicKey, 'base32')}.stream`);
    const hosted = this.#streams.find(publicKey)?.path;
    const isElsewhere = hosted !== undefined && resolve(hosted) !== path;
    if (!isElsewhere && !existsSync(keyPathOf(path))) {
      // A mirror made it a moment ago.
      if (hosted === undefined && existsSync(path)) this.#options.onFile?.(path);
      return path;
    }
    throw new DrayerError('PUSH_NOT_ALLOWED', 'the server has this stream from another source', {
      hint: 'publish it where its file is, or ask the operator to serve it no longer',
    });
  }

  #uploadOf({ ctx, publicKey, path, bodyHash }: Given): Upload {
    return {
      ctx,
      bodyHash,
      values: this.#valuesOf(path),
      reader: this.#streams.find(publicKey),
      reserve: (bytes) => this.#checkQuota(path, bytes),
    };
  }

  #valuesOf(path: string): PushedValues {
    const held = this.#values.get(path);
    if (held !== undefined) return held;
    const values = openPushedValues(path);
    this.#values.set(path, values);
    return values;
  }

  #checkQuota(path: string, more: number): void {
    const { quota = QUOTA_BYTES } = this.#options;
    const file = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    const used = file + this.#valuesOf(path).bytes;
    if (used + more <= quota) return;
    const message = `${used} bytes and ${more} more are above the quota of ${quota} bytes`;
    throw new DrayerError('OVER_QUOTA', message, {
      hint: 'publish less, or ask the operator of the server for more room',
    });
  }
}

type Given = {
  readonly ctx: Context;
  readonly publicKey: Uint8Array;
  readonly path: string;
  readonly bodyHash: Uint8Array;
};

function readRecords(body: Uint8Array): SignedRecord[] {
  const reader = new RecordReader({ bodyBytes: LIMITS.pushBatchBytes });
  const records = reader.push(body);
  reader.end();
  return records;
}

function checkMethod(ctx: Context, { operation }: StreamRequest): void {
  const methods = METHODS[operation] ?? ['POST'];
  if (methods.includes(ctx.method)) return;
  ctx.set('Allow', methods.join(', '));
  const message = `${operation} takes ${methods.join(' or ')}, not ${ctx.method}`;
  throw new DrayerError('METHOD_NOT_ALLOWED', message);
}

const METHODS: { readonly [operation in string]?: readonly string[] } = {
  value: ['PUT'],
  values: ['POST', 'PUT'],
};

function parseExpect(text: string): number {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  throw new DrayerError(
    'USAGE',
    `expected ${PUSH_HEADERS.expect}: the tip the batch was signed on`,
  );
}

function tipOf(reader: StreamReader | undefined): number {
  return reader?.view.modifiedTip() ?? 0;
}

function tipMoved(expect: number, tip: number): DrayerError {
  return new DrayerError('TIP_MOVED', `expected the stream at ${expect}, it is at ${tip}`, {
    hint: 'somebody else has published; publish again on what is there now',
  });
}

function send(ctx: Context, body: Uint8Array): void {
  ctx.status = 200;
  ctx.set('Content-Type', OCTETS);
  ctx.body = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}
