/** Peers that answer what a test says, over real HTTP: the mirror's opposite side when it is not ours. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Scope } from './scope.ts';

/** A running peer. */
export type ScriptedPeer = {
  readonly url: string;
  readonly port: number;
  /** Path and query of every request so far. */
  readonly requests: string[];
};

/** Answers a request; `path` is as it was sent, query included. */
export type Script = (path: string, response: ServerResponse, request: IncomingMessage) => unknown;

/** Starts a peer on loopback; closed with the test, whatever it is in the middle of. */
export async function scriptedPeer(t: Scope, script: Script): Promise<ScriptedPeer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push(path);
    void script(path, response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.defer(server, () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, requests };
}

/** Sends a body the way the original does: no encoding, with its length. */
export function send(response: ServerResponse, body: Uint8Array | string, status = 200): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    'Content-Type': status === 200 ? 'application/octet-stream' : 'text/html;charset=utf-8',
    'Content-Length': bytes.length,
  });
  response.end(bytes);
}
