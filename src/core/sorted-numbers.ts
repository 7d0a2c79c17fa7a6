/**
 * A sorted set of numbers, for the places of an overlay's records in both chains.
 *
 * Blocks of at most 1,024 numbers: adding at the end is a push, adding in the middle moves part of
 * one block. One flat array moves everything behind the place, 20 µs at 100,000 records; a tree
 * costs an object a number.
 */

const BLOCK = 1024;

/** Integers up to 2^53−1 in ascending order, each once. */
export class SortedNumbers {
  // No block is empty, except the only one of an empty set.
  readonly #blocks: number[][] = [[]];

  /** Adds `n`, which must not be present. */
  add(n: number): void {
    const last = this.#block(this.#blocks.length - 1);
    // What grows at its end, as a chain does, is not searched.
    if ((last.at(-1) ?? Number.NEGATIVE_INFINITY) < n) {
      // Full blocks stay behind.
      if (last.length < BLOCK) last.push(n);
      else this.#blocks.push([n]);
      return;
    }
    const at = this.#blockOf(n);
    const block = this.#block(at);
    if (block.length < BLOCK) {
      block.splice(countBelow(block, n), 0, n);
      return;
    }
    this.#blocks.splice(at + 1, 0, block.splice(BLOCK / 2));
    this.add(n);
  }

  /** Takes `n` out, which must be present. */
  delete(n: number): void {
    const at = this.#blockOf(n);
    const block = this.#block(at);
    block.splice(countBelow(block, n), 1);
    if (block.length === 0 && this.#blocks.length > 1) this.#blocks.splice(at, 1);
  }

  /** The greatest number, undefined in an empty set. */
  last(): number | undefined {
    return this.#block(this.#blocks.length - 1).at(-1);
  }

  /** The greatest number below `n`. */
  below(n: number): number | undefined {
    const at = this.#blockOf(n);
    const block = this.#block(at);
    const index = countBelow(block, n);
    return index > 0 ? block[index - 1] : this.#blocks[at - 1]?.at(-1);
  }

  /** The least number above `n`. */
  above(n: number): number | undefined {
    // They are integers: the least one above n is the first that is not below n + 1.
    const block = this.#block(this.#blockOf(n + 1));
    return block[countBelow(block, n + 1)];
  }

  // The first block that does not end below n, else the last one. Two blocks or more are not empty.
  #blockOf(n: number): number {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#block(middle).at(-1) as number) < n) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #block(at: number): number[] {
    return this.#blocks[at] as number[]; // `at` comes from #blockOf or is the last index
  }
}

function countBelow(block: readonly number[], n: number): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((block[middle] as number) < n)
      low = middle + 1; // low < high: inside the block
    else high = middle;
  }
  return low;
}
