/** Asks on a terminal whether files that seem to contain secrets are published all the same. */
import { DrayerError } from '../core/errors.ts';
import type { Session } from './session.ts';

/**
 * Asks; no is the answer of who only presses Enter.
 *
 * @param refusal - CREDENTIAL_IN_SITE, with the files in its message
 * @throws {DrayerError} CREDENTIAL_IN_SITE when the answer is no
 */
export async function askAboutSecrets(
  { terminal, signal }: Session,
  refusal: DrayerError,
): Promise<void> {
  const { confirm } = await import('@clack/prompts');
  terminal.complain('warning', refusal.message);
  // Ctrl-D closes the input without an answer: nothing would be left to wait for, nor to end it.
  const gone = new AbortController();
  const leave = () => gone.abort();
  process.once('beforeExit', leave);
  const answer = await confirm({
    message: 'Publish them all the same? Everybody will be able to read them, for ever.',
    initialValue: false,
    // stdout is for results.
    output: process.stderr,
    signal: AbortSignal.any([signal, gone.signal]),
  });
  process.off('beforeExit', leave);
  if (answer === true) return;
  const { code, hint } = refusal;
  throw new DrayerError(code, 'nothing was published', { hint, cause: refusal });
}
