/** What every way of finding peers has in common: one stream of events, and an end. */
import type { DrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';

/** What a discovery tells. */
export type DiscoveryEvent =
  /** A peer says that it has a newer state of a stream than is here. */
  | {
      readonly kind: 'newer';
      readonly publicKey: Uint8Array;
      readonly modified: Micros;
      /** Where to get it: `http://ADDRESS:PORT`. */
      readonly url: string;
      /** Whether the stream's key has signed that there is such a state; otherwise it is only a hint. */
      readonly isSigned: boolean;
    }
  /** A stream is heard of that is not here, for the first time. */
  | { readonly kind: 'nearby'; readonly stream: NearbyStream }
  /** It now listens on these networks; none where there are none. */
  | { readonly kind: 'networks'; readonly networks: readonly string[] }
  /** Something keeps it from listening on one of them. */
  | { readonly kind: 'problem'; readonly error: DrayerError };

/** A stream that others have, and that is not here. */
export type NearbyStream = {
  readonly publicKey: Uint8Array;
  /** Its newest state that was heard of. */
  readonly modified: Micros;
  /** Who has it, `http://ADDRESS:PORT`, the one heard last in front. */
  readonly urls: readonly string[];
  /** Whether its key has signed what was heard. */
  readonly isSigned: boolean;
  /** ms since 1970. */
  readonly firstHeardMs: number;
  readonly lastHeardMs: number;
};

/** A way to find out who has streams. Its events are for one reader. */
export interface Discovery extends AsyncIterable<DiscoveryEvent> {
  /** Stops; the events end. Idempotent. */
  stop(): Promise<void>;
}
