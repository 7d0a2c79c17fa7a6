/**
 * Peers that have values and nothing else: as fast, as forgetful and as false as a test says. The rate is
 * one peer's over all of its connections, as that of a line is.
 */
import type { ServerResponse } from 'node:http';
import { hash } from '#crypto';
import { HttpClient } from '../../src/mirror/http-client.ts';
import { parsePeerUrl } from '../../src/mirror/peer-url.ts';
import { Source } from '../../src/mirror/source.ts';
import { KEY_A } from './keys.ts';
import type { Scope } from './scope.ts';
import { type ScriptedPeer, scriptedPeer } from './scripted-peer.ts';

/** What a peer is like. */
export type ValuePeerOptions = {
  readonly values: readonly Uint8Array[];
  /** Without it, as fast as it goes. */
  readonly bytesPerSecond?: number | undefined;
  /** Changes the body of an answer that begins at the byte `start`. */
  readonly falsify?: ((body: Buffer, start: number) => Buffer) | undefined;
  /** Answers in its own way; true when it did. */
  readonly answer?:
    | ((response: ServerResponse, value: Uint8Array, start: number) => boolean)
    | undefined;
  /** Always begins at the first byte. */
  readonly knowsNoRanges?: boolean | undefined;
};

/** A peer, as the mirror sees it. */
export type ValuePeer = ScriptedPeer & {
  readonly source: Source;
  /** Bytes of bodies it has sent. */
  sent(): number;
};

/** Starts a peer. */
export async function valuePeer(t: Scope, options: ValuePeerOptions): Promise<ValuePeer> {
  const { values, bytesPerSecond, falsify, answer, knowsNoRanges = false } = options;
  const byHash = new Map(values.map((value) => [hexOf(hash(value)), value]));
  const line = new Line(bytesPerSecond ?? Number.POSITIVE_INFINITY);
  t.defer(line, (one) => one.close());
  const peer = await scriptedPeer(t, (path, response, request) => {
    const value = byHash.get(/\/value\/([0-9a-f]{64})$/.exec(path)?.[1] ?? '');
    if (value === undefined) {
      response.writeHead(404, { 'Content-Length': 0 }).end();
      return;
    }
    const [, from = '0', to = ''] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
    const isPart = request.headers.range !== undefined && !knowsNoRanges;
    const start = isPart ? Number(from) : 0;
    const end = isPart && to !== '' ? Math.min(Number(to) + 1, value.length) : value.length;
    if (answer?.(response, value, start) === true) return;
    if (start >= value.length && isPart) {
      response.writeHead(416, { 'Content-Range': `bytes */${value.length}`, 'Content-Length': 0 });
      response.end();
      return;
    }
    const part = Buffer.from(value.subarray(start, end));
    const body = falsify?.(part, start) ?? part;
    const range = { 'Content-Range': `bytes ${start}-${end - 1}/${value.length}` };
    response.writeHead(isPart ? 206 : 200, {
      'Content-Length': body.length,
      ...(isPart ? range : {}),
    });
    line.send(response, body);
  });
  const http = t.defer(new HttpClient(), (one) => one.close());
  const at = { publicKey: KEY_A.publicKey, isSite: false };
  const source = new Source(http, parsePeerUrl(peer.url), at);
  return Object.assign(peer, { source, sent: () => line.sent });
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

const TICK_MS = 5;

/** Shares its rate among everything that is being sent. */
class Line {
  sent = 0;
  readonly #rate: number;
  readonly #queue: { readonly response: ServerResponse; rest: Buffer }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #atMs = 0;

  constructor(rate: number) {
    this.#rate = rate;
  }

  send(response: ServerResponse, body: Buffer): void {
    if (!Number.isFinite(this.#rate)) {
      this.sent += body.length;
      response.end(body);
      return;
    }
    this.#queue.push({ response, rest: body });
    if (this.#timer !== undefined) return;
    this.#atMs = performance.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const now = performance.now();
    let left = Math.floor(((now - this.#atMs) / 1000) * this.#rate);
    this.#atMs = now;
    const gone = this.#queue.filter(({ response }) => response.destroyed);
    for (const one of gone) this.#queue.splice(this.#queue.indexOf(one), 1);
    for (let turn = this.#queue.length; turn > 0 && left > 0; turn -= 1) {
      const item = this.#queue.shift();
      if (item === undefined) break;
      const piece = item.rest.subarray(0, Math.ceil(left / turn));
      item.rest = item.rest.subarray(piece.length);
      left -= piece.length;
      this.sent += piece.length;
      if (item.rest.length === 0) item.response.end(piece);
      else item.response.write(piece);
      if (item.rest.length > 0) this.#queue.push(item);
    }
    if (this.#queue.length === 0) this.close();
  }
}
