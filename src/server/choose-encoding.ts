/** Which form of a stored file a client takes (RFC 9110 §12.5.3). Only two forms exist: as stored, and inflated. */

/** The content codings we have: gzip as stored, or none. */
export type Encoding = 'gzip' | 'identity';

/**
 * Chooses the form to send.
 *
 * Without the header identity is sent: RFC 9110 would allow either, but who says nothing often
 * cannot inflate. A client that refuses both gets identity, as RFC 9110 §12.5.3 says.
 *
 * @param header - `Accept-Encoding`, several joined with commas
 */
export function chooseEncoding(header: string | undefined): Encoding {
  if (header === undefined) return 'identity';
  const weights = parseWeights(header);
  const any = weights.get('*');
  const gzip = weights.get('gzip') ?? weights.get('x-gzip') ?? any ?? 0;
  if (gzip === 0) return 'identity';
  // `*` stands for all that is not named, identity too.
  return gzip >= (weights.get('identity') ?? any ?? 0) ? 'gzip' : 'identity';
}

function parseWeights(header: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const element of header.split(',')) {
    const match = /^\s*([^\s;]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?$/i.exec(
      element,
    );
    // What is not a coding with a weight says nothing.
    if (match?.[1] === undefined) continue;
    weights.set(match[1].toLowerCase(), Number(match[2] ?? 1));
  }
  return weights;
}
