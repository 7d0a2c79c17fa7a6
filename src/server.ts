/**
 * The HTTP end as a library (`drayer/server`), for a server that is part of another program. Apart from
 * the rest, since it loads koa; a server of its own is one call of `startDaemon`.
 */

export type { AppOptions } from './server/app.ts';
export { createApp } from './server/app.ts';
export type { Listener, ListenOptions } from './server/listen.ts';
export { listen } from './server/listen.ts';
export type {
  GenerationEvent,
  HostedStream,
  StreamSet,
  StreamSetOptions,
  StreamSource,
} from './server/stream-set.ts';
export { openStreamSet } from './server/stream-set.ts';
