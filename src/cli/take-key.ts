/** The key that was given to a command, hidden from the log of the CI it runs in before anything else is said. */
import { fstatSync } from 'node:fs';
import { type GivenKey, givenKey, type KeyFlags } from '../daemon/given-key.ts';
import { formatSecretKey } from '../store/key-file.ts';
import type { Session } from './session.ts';

/**
 * Takes the key out of flags and environment as {@link givenKey} does, and masks it on GitHub.
 *
 * @throws {DrayerError} what {@link givenKey} throws
 */
export async function takeKey(
  { environment }: Session,
  flags: KeyFlags,
): Promise<GivenKey | undefined> {
  const key = await givenKey(flags, environment);
  if (key !== undefined) maskKey(environment, key.secretKey);
  return key;
}

/**
 * Tells GitHub's runner never to show a key, whoever prints it later: with a line on stderr that the
 * runner takes for itself. Nothing elsewhere.
 */
export function maskKey(environment: NodeJS.ProcessEnv, secretKey: Uint8Array): void {
  // A file is read by no runner; there the line would be the very leak it is to prevent.
  if (environment['GITHUB_ACTIONS'] !== 'true' || fstatSync(2).isFile()) return;
  process.stderr.write(`::add-mask::${formatSecretKey(secretKey)}\n`);
}
