/** A publisher with a server, and a proxy in between that counts and tampers: what mirrors are tested on. */
import { type CreateStreamOptions, createStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { type ProxyPeer, proxyPeer } from './proxy-peer.ts';
import type { Scope } from './scope.ts';
import { serve } from './serving.ts';

/** An own stream and where to mirror it from. */
export type Published = {
  readonly stream: Stream;
  readonly path: string;
  /** The proxy in front of the server. */
  readonly peer: ProxyPeer;
  /** The server itself. */
  readonly port: number;
};

/** Creates a stream and serves it. */
export async function publish(
  t: Scope,
  options: CreateStreamOptions & { readonly name?: string | undefined } = {},
): Promise<Published> {
  const path = t.path(`${options.name ?? 'own'}.stream`);
  const stream = t.defer(createStream(path, options), (one) => one.close());
  const { port } = await serve(t, [{ path }]);
  const peer = await proxyPeer(t, port);
  return { stream, path, peer, port };
}

/** Bytes that look like nothing, the same for the same seed. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed * 2654435761;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
