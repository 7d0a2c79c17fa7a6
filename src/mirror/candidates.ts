/** Who may have a stream: addresses given by hand, named by the stream itself, or found by others. */
import type { PeerUrl } from './peer-url.ts';

/** How an address became known: by hand, from the stream's own list (R26), through a finder. */
export type SourceKind = 'given' | 'named' | 'found';

/** An address that is worth asking. */
export type Candidate = {
  readonly peer: PeerUrl;
  readonly kind: SourceKind;
  /** Dialled only where its name leads into the public network. */
  readonly onlyGlobal?: boolean | undefined;
};

/** What tells two addresses apart: where the stream's operations begin. */
export function addressOf({ site, origin, base }: PeerUrl): string {
  return site ? origin : base;
}

/** Each address once, as it came first. */
export function withoutDuplicates(candidates: readonly Candidate[]): Candidate[] {
  const known = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const address = addressOf(candidate.peer);
    if (!known.has(address)) known.set(address, candidate);
  }
  return [...known.values()];
}
