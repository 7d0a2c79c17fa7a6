/** Where sources come from that nobody has typed: discovery hands them in through this. */

/** Finds peers that may have a stream. What it says is a hint: whoever it names is checked like any source. */
export type PeerFinder = {
  /** For messages: `lan`, `dht`. */
  readonly name: string;
  /**
   * Addresses as a person would type them. They are dialled as they are: a finder that goes by what
   * strangers say leaves out what must not be dialled. Asked in every round, so it answers from what it
   * has found so far; one that takes longer than two seconds is not waited for.
   */
  find(
    publicKey: Uint8Array,
    options: { readonly signal?: AbortSignal | undefined },
  ): readonly string[] | Promise<readonly string[]>;
};
