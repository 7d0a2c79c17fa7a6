/** Streams that the operator does not serve, whoever put them here: each of their addresses answers 410. */
import { DrayerError } from '../core/errors.ts';
import type { HostedStream, StreamSet } from './stream-set.ts';

/** Tells whether a stream is denied. */
export type IsDenied = {
  (publicKey: Uint8Array): boolean;
  /** The same value as long as it decides the same. Default: nobody knows. */
  readonly state?: (() => unknown) | undefined;
};

type Listed = {
  readonly of: readonly HostedStream[];
  readonly state: unknown;
  readonly list: readonly HostedStream[];
};

/** A stream set without the denied ones; to look for one of them is an error of its own. */
export function withoutDenied(streams: StreamSet, isDenied: IsDenied): StreamSet {
  // Who looks for what has changed looks every second, and there are hundreds.
  let last: Listed | undefined;
  const list = (): readonly HostedStream[] => {
    const of = streams.list();
    const state = isDenied.state?.() ?? {};
    if (last?.of !== of || last.state !== state) {
      last = { of, state, list: of.filter(({ publicKey }) => !isDenied(publicKey)) };
    }
    return last.list;
  };
  return {
    find: (publicKey) => {
      if (isDenied(publicKey)) throw gone();
      return streams.find(publicKey);
    },
    list,
    onGeneration: (listener) =>
      streams.onGeneration((event) => {
        if (!isDenied(event.publicKey)) listener(event);
      }),
  };
}

/** The error for an address of a denied stream. */
export function gone(): DrayerError {
  return new DrayerError('GONE', 'this server does not serve this stream any more');
}
