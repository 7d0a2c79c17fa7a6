/** A server for a test: on free loopback ports, closed with the test. */
import { copyFileSync } from 'node:fs';
import { type AppOptions, createApp } from '../../src/server/app.ts';
import { type Listener, type ListenOptions, listen } from '../../src/server/listen.ts';
import {
  type OpenStreamSet,
  openStreamSet,
  type StreamSource,
} from '../../src/server/stream-set.ts';
import { type RawOptions, type RawResponse, rawGet } from './raw-http.ts';
import type { Scope } from './scope.ts';

/** A running server. */
export type Serving = {
  readonly port: number;
  readonly listener: Listener;
  readonly streams: OpenStreamSet;
  /** What went wrong inside; empty at the end of a test that expects nothing. */
  readonly errors: unknown[];
  readonly refused: string[];
  /** Requests a path over a bare socket. */
  get(path: string, options?: RawOptions): Promise<RawResponse>;
};

/** Serves stream files. */
export async function serve(
  t: Scope,
  sources: readonly StreamSource[],
  { pollMs = 5, ...options }: Partial<AppOptions> & { readonly pollMs?: number } = {},
  listening: Partial<ListenOptions> = {},
): Promise<Serving> {
  const errors: unknown[] = [];
  const refused: string[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const streams = t.defer(openStreamSet(sources, { pollMs, onError }), (set) => set.close());
  const onRefused = (reason: string): void => void refused.push(reason);
  const app = createApp({ streams, onError, onRefused, ...options });
  const listener = t.defer(await listen(app, { port: 0, onError, ...listening }), (one) =>
    one.close(),
  );
  const { port } = listener;
  const get = (path: string, raw?: RawOptions): Promise<RawResponse> => rawGet(port, path, raw);
  return { port, listener, streams, errors, refused, get };
}

/** Copies one of the original's stream files into the test's directory; returns its path. */
export function vectorStream(t: Scope, name: string): string {
  const path = t.path(`${name}.stream`);
  copyFileSync(new URL(`../vectors/streams/${name}.stream`, import.meta.url), path);
  return path;
}
