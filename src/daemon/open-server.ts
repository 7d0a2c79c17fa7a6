/** The app over a stream set, its sockets, and what an operator wants beside them: opened and closed as one. */
import type { AppOptions } from '../server/app.ts';
import type { Listener, ListenOptions } from '../server/listen.ts';
import type { OpenStreamSet } from '../server/stream-set.ts';
import type { DaemonOptions } from './daemon.ts';
import { findElsewhere, type Places } from './elsewhere.ts';
import { prepareOperator, type StartedOperator } from './operator.ts';

/** A server that runs. */
export type OpenedServer = Listener & Pick<StartedOperator, 'metricsPort' | 'addressesOf'>;

/**
 * Serves a stream set.
 *
 * @throws {DrayerError} ADDRESS_IN_USE, USAGE, CONFIG_INVALID, FILE_UNREADABLE for the certificate
 */
export async function openServer(
  streams: OpenStreamSet,
  options: Omit<DaemonOptions, 'kept'> &
    Pick<ListenOptions, 'sockets'> &
    Pick<Places, 'kept' | 'nearby'> &
    Pick<AppOptions, 'localNames'>,
): Promise<OpenedServer> {
  const { port, host, lan } = options;
  const onError = (error: unknown): void => options.onError?.(error);
  // Loaded here: who only opens a stream need not wait for koa.
  const { createApp } = await import('../server/app.ts');
  const { listen } = await import('../server/listen.ts');
  const onFile = (path: string): void => streams.add({ path });
  const push = options.push && { ...options.push, onFile };
  const operator = options.operator && prepareOperator(options.operator, onError);
  const { nearby, kept } = options;
  const elsewhere = findElsewhere({ moved: options.operator?.moved, kept, nearby });
  const app = createApp({ ...options, ...operator?.app, elsewhere, push, streams, onError });
  const takesUploads = push !== undefined;
  const listener = await listen(app, {
    host,
    port,
    lan,
    takesUploads,
    sockets: options.sockets,
    onError,
    ...operator?.listen,
  });
  if (operator === undefined) {
    return { ...listener, metricsPort: undefined, addressesOf: () => [] };
  }
  try {
    const started = await operator.start(listener, streams);
    const close = async (): Promise<void> => {
      await Promise.all([listener.close(), started.close()]);
    };
    return { ...listener, ...started, close };
  } catch (error) {
    await listener.close();
    throw error;
  }
}
