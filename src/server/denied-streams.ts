/** Streams that the operator does not serve, whoever put them here: each of their addresses answers 410. */
import { DrayerError } from '../core/errors.ts';
import type { StreamSet } from './stream-set.ts';

/** Tells whether a stream is denied. */
export type IsDenied = (publicKey: Uint8Array) => boolean;

/** A stream set without the denied ones; to look for one of them is an error of its own. */
export function withoutDenied(streams: StreamSet, isDenied: IsDenied): StreamSet {
  return {
    find: (publicKey) => {
      if (isDenied(publicKey)) throw gone();
      return streams.find(publicKey);
    },
    list: () => streams.list().filter(({ publicKey }) => !isDenied(publicKey)),
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
