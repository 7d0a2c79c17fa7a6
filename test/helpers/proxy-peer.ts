/** Our own server behind a man in the middle: counts requests, and changes answers as a test says. */

import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Scope } from './scope.ts';
import { type ScriptedPeer, scriptedPeer } from './scripted-peer.ts';

/** An answer on its way. */
export type Answer = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
};

/** Changes an answer in place, or answers itself and returns true. */
export type Tamper = (
  path: string,
  answer: Answer,
  response: ServerResponse,
) => boolean | undefined;

/** What becomes of live events: passed on as they come, all after the head held back, or the head too. */
export type EventsWay = 'pass' | 'hold body' | 'hold all';

/** A proxy whose tampering can be switched. */
export type ProxyPeer = ScriptedPeer & {
  tamper(next: Tamper | undefined): void;
  /** Of events asked for from now on; `pass` from the start. */
  events(way: EventsWay): void;
};

/** Starts a proxy in front of a server on a loopback port. */
export async function proxyPeer(t: Scope, port: number): Promise<ProxyPeer> {
  let tamper: Tamper | undefined;
  let way: EventsWay = 'pass';
  const peer = await scriptedPeer(t, async (path, response, asked) => {
    const incoming = await ask(port, path, asked);
    if (incoming.headers['content-type']?.startsWith('text/event-stream')) {
      passEvents(incoming, response, way);
      return;
    }
    const answer = await collect(incoming);
    const length = answer.headers['content-length'];
    if (tamper?.(path, answer, response) === true) return;
    // A test that lies about the length says so itself.
    if (answer.headers['content-length'] === length) {
      answer.headers['content-length'] = String(answer.body.length);
    }
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body);
  });
  return Object.assign(peer, {
    tamper: (next: Tamper | undefined) => {
      tamper = next;
    },
    events: (next: EventsWay) => {
      way = next;
    },
  });
}

function passEvents(from: IncomingMessage, to: ServerResponse, way: EventsWay): void {
  // Who goes away on one side is away on the other.
  to.on('close', () => from.destroy());
  from.on('error', () => to.destroy());
  if (way === 'hold all') {
    from.resume();
    return;
  }
  to.writeHead(from.statusCode ?? 0, from.headers);
  to.flushHeaders();
  if (way === 'hold body') from.resume();
  else from.pipe(to);
}

function ask(port: number, path: string, asked: IncomingMessage): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { ...asked.headers, host: `127.0.0.1:${port}` };
    const { method } = asked;
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, resolve);
    sent.on('error', reject);
    asked.pipe(sent);
  });
}

async function collect(answer: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const { 'transfer-encoding': _, ...headers } = answer.headers;
  return { status: answer.statusCode ?? 0, headers, body: Buffer.concat(chunks) };
}
