/** What somebody may have meant who typed something else. */

/** Longer texts are compared by their beginnings: a comparison takes the product of both lengths. */
const LONGEST = 200;

/**
 * Returns the candidates that a text differs from least, in letters put in, left out or changed.
 *
 * @param most - how many at most, and how many differences at most
 */
export function nearestTo(
  text: string,
  candidates: Iterable<string>,
  most: { readonly results: number; readonly distance?: number | undefined },
): string[] {
  let least = most.distance ?? Number.POSITIVE_INFINITY;
  let nearest: string[] = [];
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - text.length) > least) continue;
    const distance = editDistance(text.slice(0, LONGEST), candidate.slice(0, LONGEST));
    if (distance > least) continue;
    if (distance < least) nearest = [];
    least = distance;
    nearest.push(candidate);
  }
  return nearest.slice(0, most.results);
}

// Number: within their lengths, which the compiler does not know, nothing is undefined.
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i += 1) {
    const row = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const change = Number(above[j]) + Number(a[i] !== b[j]);
      row.push(Math.min(change, Number(above[j + 1]) + 1, Number(row[j]) + 1));
    }
    above = row;
  }
  return Number(above[b.length]);
}
