/**
 * Keeps a mirror up to date: listens to the live events of its sources and mirrors at each new
 * generation; where there are no events, and now and then anyway, it asks all of them.
 */
import type { DrayerError } from '../core/errors.ts';
import type { HeldMirror } from './find-mirror.ts';
import { Follower } from './follower.ts';
import type { MirrorOptions, MirrorReport } from './mirror.ts';
import type { FallenSource } from './score.ts';

/** Options of {@link followStream}. */
export type FollowOptions = Omit<MirrorOptions, 'publicKey' | 'path' | 'oneShot'> & {
  /**
   * Time between two looks at sources that send no events, and at all of several, ms; a function is asked
   * before each. Default 30,000.
   */
  readonly pollMs?: number | (() => number) | undefined;
  /**
   * Port on which this mirror is served: the other sources are told of each new generation then, so that
   * they need not wait for their next look. Default: nobody is told.
   */
  readonly httpPort?: number | undefined;
  /** Whether other machines can come to that port; where not, only sources of this one are told. Default: true. */
  readonly isReachable?: boolean | undefined;
  /** Told of each new generation. */
  readonly onGeneration?: ((report: MirrorReport) => void) | undefined;
  /** Told each time a source was found to have nothing newer than what is here then. */
  readonly onSeen?: (() => void) | undefined;
  /** Told once what keeps the sources from being followed; they are tried again and again. */
  readonly onProblem?: ((problem: DrayerError) => void) | undefined;
  /** Told when the problem is over. */
  readonly onMended?: (() => void) | undefined;
  /** Told once of a source that shows less than it has shown before. */
  readonly onFallen?: ((fallen: FallenSource) => void) | undefined;
};

/** A stream that is being followed. */
export type Following = {
  /** Looks at the sources now, whatever it is waiting for. */
  pull(): void;
  /** Resolves when it has been closed. */
  readonly closed: Promise<void>;
  /** Stops. Idempotent. */
  close(): Promise<void>;
};

/**
 * Follows the sources of a mirror, until the signal fires or it is closed. Beside the given ones it asks
 * those the stream names (R26) and those that were good before, unless `others` is false.
 *
 * @param mirrored - the mirror as it is: what {@link mirrorStream} has returned
 * @throws {DrayerError} USAGE when an address is none
 * @example
 * const url = 'http://192.168.1.20:33125/<stream id>';
 * const following = followStream(await mirrorStream({ url }), {
 *   url,
 *   onGeneration: ({ generation }) => console.log(generation.snapshot?.seq),
 * });
 * await following.close();
 */
export function followStream(mirrored: HeldMirror, options: FollowOptions): Following {
  const stop = new AbortController();
  const signals = options.signal === undefined ? [] : [options.signal];
  const signal = AbortSignal.any([stop.signal, ...signals]);
  const follower = new Follower(mirrored, { ...options, signal });
  // Where one part of it fails the others end too.
  const closed = follower.run().finally(() => stop.abort());
  // Whoever wants to know waits for it; nobody has to.
  closed.catch(() => {});
  return {
    closed,
    pull: () => follower.pull(),
    close: () => {
      stop.abort();
      return closed;
    },
  };
}
