/** At which ports the server of a peer may be, where strangers have said so (THREATS A21). */

/**
 * Ports from 1024 on that other services have: the bad ports of the Fetch standard, which browsers keep away
 * from, databases, and that of printers, which print whatever comes.
 */
const OTHERS: ReadonlySet<number> = new Set([
  ...[1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668],
  ...[6669, 6679, 6697, 10_080],
  ...[2375, 3306, 5432, 6379, 9200, 11_211, 27_017],
  9100,
]);

/** Tells whether a peer's server may be on this port: 80, 443, or from 1024 on where no other service is likely. */
export function isPeerPort(port: number): boolean {
  return port === 80 || port === 443 || (port >= 1024 && port <= 65_535 && !OTHERS.has(port));
}
