/** Ports that no other test has, and no connection: below those that the system hands out itself. */

/** So many from the first on are this process's. */
const PORTS = 8;
const LOWEST = 20_000;
/** Linux gives out ports from 32,768 on; others begin higher. */
const HIGHEST = 32_000;

/** Returns the first of this process's ports. */
export function firstOwnPort(): number {
  return LOWEST + (process.pid % ((HIGHEST - LOWEST) / PORTS)) * PORTS;
}
