/** A code that a phone reads from the terminal: where a site is on the local network, with its key. */
import { isIPv4 } from 'node:net';
import { renderUnicodeCompact } from 'uqr';
import type { ServedStream } from './daemon.ts';

/** White around a code, in squares. */
const QUIET = 2;

/**
 * Returns the address under which other machines open the only site that is served; its path has the key,
 * so that a mirror can be made of it too. Undefined where there are several, or no network.
 */
export function lanAddressOf(streams: readonly ServedStream[]): string | undefined {
  const [only] = streams;
  if (only === undefined || streams.length > 1) return undefined;
  const key = only.id.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
  return only.addresses.find((address) => {
    const { hostname, pathname } = new URL(address);
    return isIPv4(hostname) && !hostname.startsWith('127.') && pathname.includes(key);
  });
}

/** Returns the lines of the code: light squares are drawn, so the text has to be light on dark. */
export function renderCode(text: string): string[] {
  return renderUnicodeCompact(text, { border: QUIET, ecc: 'L' }).split('\n');
}
