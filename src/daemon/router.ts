/** A daemon whose port the router leads to it from the Internet, for as long as it runs. */
import type { DrayerError } from '../core/errors.ts';
import { Router, type RouterOptions, type RouterState } from '../discovery/router.ts';
import type { Daemon, DaemonOptions } from './daemon.ts';

/** What {@link withRouter} tells. */
export type RouterEvents = {
  readonly onState?: ((state: RouterState) => void) | undefined;
  /** It is over: what the router had opened last, and what kept it from being told, if anything did. */
  readonly onEnd?: ((last: RouterState | undefined, error?: DrayerError) => void) | undefined;
};

/** A daemon that may be reached through a router. */
export type WithRouter = {
  /** Port at the outside that leads here; 0 until the router was asked, undefined where it opens none. */
  outsidePort(): number | undefined;
};

/**
 * Makes a way to start a daemon that has the router open its port: everybody on the Internet can come in
 * from then on, until it is closed.
 */
export function withRouter<Started extends Daemon, Options extends DaemonOptions>(
  start: (options: Options) => Promise<Started>,
  config: Omit<RouterOptions, 'port' | 'host' | 'onState'> = {},
  { onState, onEnd }: RouterEvents = {},
): (options: Options) => Promise<Started & WithRouter> {
  return async (options) => {
    const daemon = await start(options);
    const { host, signal } = options;
    const router = new Router({ ...config, port: daemon.port, host, onState });
    let closing: Promise<void> | undefined;
    const closeRouter = (): Promise<void> => {
      closing ??= router.close().then((error) => {
        onEnd?.(router.state, error);
      });
      return closing;
    };
    router.open();
    // At once, beside the rest: a process that is told to end has three seconds.
    const onAbort = (): void => void closeRouter();
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    const closed = daemon.closed.finally(() => closeRouter());
    const close = async (): Promise<void> => {
      await Promise.all([daemon.close(), closeRouter()]);
      await closed;
    };
    return { ...daemon, closed, close, outsidePort: () => outsidePortOf(router.state) };
  };
}

function outsidePortOf(state: RouterState | undefined): number | undefined {
  if (state === undefined) return 0;
  return state.is === 'open' ? state.outsidePort : undefined;
}
