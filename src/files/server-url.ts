/** Addresses of primary servers (R26): the same check where one is named by hand and in a config. */
import { DrayerError } from '../core/errors.ts';

/** Most primary servers a stream should name: mirrors ask each of them. */
export const MAX_PRIMARY_SERVERS = 8;

/**
 * Checks the address of a primary server: where streams are mounted, so nothing may follow the path.
 *
 * @returns the address in its one spelling, with a slash at its end
 * @throws {DrayerError} USAGE when mirrors could not use it
 */
export function parseServerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw unfit(text, 'expected an address');
  if (!/^https?:$/.test(url.protocol)) throw unfit(text, 'expected http or https');
  if (url.username !== '' || url.password !== '')
    throw unfit(text, 'expected no name and password');
  if (/[?#]/.test(text)) throw unfit(text, 'expected no query and no fragment');
  return url.pathname.endsWith('/') ? url.href : `${url.href}/`;
}

function unfit(text: string, what: string): DrayerError {
  return new DrayerError('USAGE', `${text}: ${what}`, {
    hint: 'a server looks like https://example.org/ or http://192.168.1.20:33125/',
  });
}
