/** A daemon of several processes, and clients that each of them has some of. */
import { Agent, get } from 'node:http';
import { type Daemon, type DaemonOptions, startDaemon } from '../../src/daemon/daemon.ts';
import { KEY_A } from './keys.ts';
import type { Scope } from './scope.ts';

/** Processes that serve. */
export const WORKERS = 2;
/** Enough that every process has some. */
export const CONNECTIONS = 32;
/** As a browser sends for an address that was typed. */
const TYPED = { Accept: 'text/html', 'Sec-Fetch-Dest': 'document', 'Sec-Fetch-Site': 'none' };

/** Resolves once it holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Serves a stream, once all processes do. */
export async function serve(
  t: Scope,
  path: string,
  options: Partial<DaemonOptions> = {},
): Promise<Daemon> {
  const streams = [{ path }];
  const shape = { streams, port: 0, site: KEY_A.publicKey, workers: WORKERS, ...options };
  const daemon = t.defer(await startDaemon(shape), (one) => one.close());
  await until(() => daemon.workers().length === (shape.workers ?? 1) - 1);
  return daemon;
}

/** What a client is answered. */
export type Answer = { readonly status: number; readonly body: string };

/** So many clients, each on a connection of its own that it keeps. */
export function clients(t: Scope, port: number): ((path: string) => Promise<Answer>)[] {
  return Array.from({ length: CONNECTIONS }, () => {
    const agent = t.defer(new Agent({ keepAlive: true, maxSockets: 1 }), (one) => one.destroy());
    return (path: string) =>
      new Promise<Answer>((resolve, reject) => {
        get({ port, host: '127.0.0.1', path, agent, headers: TYPED }, async (response) => {
          const pieces: Buffer[] = [];
          for await (const piece of response) pieces.push(piece as Buffer);
          resolve({
            status: response.statusCode ?? 0,
            body: Buffer.concat(pieces).toString(),
          });
        }).on('error', reject);
      });
  });
}
