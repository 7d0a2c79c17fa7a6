/** What a server hosts, as lists show it. */

/** A hosted stream. */
export type HostedStream = {
  /** Base64. */
  readonly id: string;
  readonly publicKey: Uint8Array;
  readonly name?: string | undefined;
  /** Shown to visitors and offered to no peer: signatures of its records are not checked, or wrong (R22). */
  readonly isWithheld?: boolean | undefined;
};

/** A hosted stream and its file. */
export type HostedStreamFile = HostedStream & { readonly path: string };

/** Each stream once, whichever of its files is given. */
export function listOf(files: readonly HostedStreamFile[]): HostedStream[] {
  const listed = new Map<string, HostedStream>();
  for (const { id, publicKey, name, isWithheld } of files) {
    // The copy of an own stream has no name, whichever of the two is served.
    listed.set(id, { id, publicKey, name: listed.get(id)?.name ?? name, isWithheld });
  }
  return [...listed.values()];
}
