/** Our own server behind a man in the middle: counts requests, and changes answers as a test says. */

import type { ServerResponse } from 'node:http';
import { request } from 'node:http';
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

/** A proxy whose tampering can be switched. */
export type ProxyPeer = ScriptedPeer & { tamper(next: Tamper | undefined): void };

/** Starts a proxy in front of a server on a loopback port. */
export async function proxyPeer(t: Scope, port: number): Promise<ProxyPeer> {
  let tamper: Tamper | undefined;
  const peer = await scriptedPeer(t, async (path, response, { headers }) => {
    const answer = await ask(port, path, { ...headers, host: `127.0.0.1:${port}` });
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
  });
}

function ask(port: number, path: string, headers: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, headers: { ...headers }, agent: false };
    const sent = request(options, async (answer) => {
      const chunks: Buffer[] = [];
      for await (const chunk of answer) chunks.push(chunk as Buffer);
      const { 'transfer-encoding': _, ...kept } = answer.headers;
      const body = Buffer.concat(chunks);
      resolve({ status: answer.statusCode ?? 0, headers: kept, body });
    });
    sent.on('error', reject);
    sent.end();
  });
}
