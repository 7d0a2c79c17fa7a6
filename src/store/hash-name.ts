/** A hash as a key of a map. */

/** Returns a string for a hash; two hashes never share one. */
export function nameOfHash(hash: Uint8Array): string {
  // Not Buffer.from(hash.buffer): asking for its buffer moves a small array out of the heap.
  return latin1Slice.call(hash, 0, hash.length);
}

const { latin1Slice } = Buffer.prototype;
