/** Ranges of bytes: what of a value is there, and what is not. */

/** A range of bytes; `end` is exclusive, and infinite where the size is not known. */
export type Range = { readonly start: number; readonly end: number };

/** Returns the same bytes in ascending order, in as few ranges as they make. */
export function joinRanges(ranges: readonly Range[]): Range[] {
  const joined: { readonly start: number; end: number }[] = [];
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}

/** Returns what of `ranges` is in none of `others`, which are ascending and apart from each other. */
export function withoutRanges(ranges: readonly Range[], others: readonly Range[]): Range[] {
  return ranges.flatMap(({ start, end }) => {
    const left: Range[] = [];
    let at = start;
    for (const other of others) {
      if (other.end <= at || other.start >= end) continue;
      if (other.start > at) left.push({ start: at, end: other.start });
      at = other.end;
    }
    if (at < end) left.push({ start: at, end });
    return left;
  });
}

/** How many bytes these are, where none is in two of them. */
export function bytesIn(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}
