/**
 * What is for the operator alone: `/metrics` for Prometheus and `/health` in detail, on a port of its
 * own that only this machine reaches, and no page in a browser on it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { ConnectionGate } from './connection-gate.ts';
import { lacksHost, placeOf } from './host.ts';
import { PAGE_HEADERS } from './media-headers.ts';
import type { Gauges, Metrics } from './metrics.ts';
import { openServers, portOf } from './open-servers.ts';

/** What {@link openOperatorServer} is told. */
export type OperatorServerOptions = {
  /** 0 for any free one. */
  readonly port: number;
  readonly metrics: Metrics;
  readonly gauges: () => Gauges;
  readonly onError: (error: unknown) => void;
};

/** The operator's server. */
export type OperatorServer = {
  readonly port: number;
  close(): Promise<void>;
};

const POLICY = { names: new Set<string>(), domains: new Map<string, Uint8Array>() };
/** Prometheus, a health check, and somebody who looks. */
const MOST = 16;

/** Listens on loopback. @throws {DrayerError} ADDRESS_IN_USE, USAGE */
export async function openOperatorServer(options: OperatorServerOptions): Promise<OperatorServer> {
  const gate = new ConnectionGate({ most: MOST, mostOfOne: MOST });
  const handler = gate.guard((request, response) => answer(request, response, options));
  const make = (): Server => {
    const limits = { headersTimeout: 5000, requestTimeout: 5000, requireHostHeader: false };
    const server = createServer(limits, handler);
    server.setTimeout(10_000);
    gate.watch(server, 'connection');
    server.once('listening', () => server.on('error', options.onError));
    return server;
  };
  const servers = await openServers(make, { port: options.port, flag: '--metrics-port' });
  return {
    port: portOf(servers[0]),
    close: async () => {
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      gate.drain();
      await Promise.all(closed);
    },
  };
}

type Reply = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
};

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: OperatorServerOptions,
): void {
  const { status, headers, body = '' } = replyTo(request, options);
  const length = { 'Content-Length': Buffer.byteLength(body) };
  response.writeHead(status, {
    ...PAGE_HEADERS,
    'Cache-Control': 'no-store',
    ...headers,
    ...length,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function replyTo(request: IncomingMessage, { metrics, gauges }: OperatorServerOptions): Reply {
  const { method, url = '', rawHeaders, headers } = request;
  const path = url.split('?', 1)[0] ?? '';
  // A name could have been bound to this address by the page that asks.
  if (placeOf(rawHeaders, undefined, POLICY).kind !== 'shared') {
    return { status: lacksHost(request) ? 400 : 421 };
  }
  const from = headers['sec-fetch-site'] ?? 'none';
  if (from !== 'none' && from !== 'same-origin') return { status: 403 };
  if (path !== '/metrics' && path !== '/health') return { status: 404 };
  if (method !== 'GET' && method !== 'HEAD') {
    return { status: 405, headers: { Allow: 'GET, HEAD' } };
  }
  if (path === '/metrics') {
    const type = 'text/plain; version=0.0.4; charset=utf-8';
    return { status: 200, headers: { 'Content-Type': type }, body: metrics.text(gauges()) };
  }
  const { streams, connections } = gauges();
  const facts = { status: 'ok', seconds: Math.round(process.uptime()), streams, connections };
  const type = 'application/json';
  return { status: 200, headers: { 'Content-Type': type }, body: `${JSON.stringify(facts)}\n` };
}
