/** What the nodes of one look-up have told: of each a little, and of one host no more than a household has. */

const MOST_PEERS = 64;
/** Several people may sit behind one address; a hundred ports of it are a victim's. */
const MOST_OF_HOST = 2;

/**
 * One peer of each teller after the other, 64 in all: who tells the most does not drown the others.
 *
 * @param heard - `HOST:PORT` of peers, by who has told of them
 */
export function inTurn(heard: ReadonlyMap<string, readonly string[]>): string[] {
  const peers = new Set<string>();
  const ofHost = new Map<string, number>();
  const longest = Math.max(0, ...[...heard.values()].map(({ length }) => length));
  for (let index = 0; index < longest; index += 1) {
    for (const told of heard.values()) {
      const peer = told[index];
      const [host = ''] = peer?.split(':') ?? [];
      const count = ofHost.get(host) ?? 0;
      if (peer === undefined || peers.has(peer) || count >= MOST_OF_HOST) continue;
      if (peers.size === MOST_PEERS) return [...peers];
      peers.add(peer);
      ofHost.set(host, count + 1);
    }
  }
  return [...peers];
}
