/** Which way `drayer publish` takes broken links. */
import { statSync } from 'node:fs';
import { DrayerError } from '../core/errors.ts';

/** How broken links are taken. */
export type LinkMode = 'warn' | 'error' | 'off';

const MODES: readonly LinkMode[] = ['warn', 'error', 'off'];

/**
 * Settles how broken links are taken: flag, config, `warn` where CI is set, else not at all.
 *
 * @param flag - true for `--check-links` without a mode
 * @throws {DrayerError} USAGE for an unknown mode
 */
export function linkModeOf(
  flag: string | true | undefined,
  configured: LinkMode | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): LinkMode {
  if (flag === true) return 'warn';
  if (flag === undefined) return configured ?? (environment['CI'] ? 'warn' : 'off');
  const mode = MODES.find((one) => one === flag);
  if (mode !== undefined) return mode;
  const message = `--check-links: expected warn, error or off, got ${JSON.stringify(flag)}`;
  throw new DrayerError('USAGE', message, {
    hint: 'the folder stands before it: drayer publish DIR --check-links=error',
  });
}

/**
 * Tells whether what follows `--check-links` is the folder to publish: the parser takes any word that
 * stands there for its mode.
 */
export function isFolderNotMode(flag: string | true | undefined): flag is string {
  if (typeof flag !== 'string' || MODES.some((mode) => mode === flag)) return false;
  return statSync(flag, { throwIfNoEntry: false })?.isDirectory() === true;
}
