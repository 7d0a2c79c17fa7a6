/** What commands that keep running have in common: a line each for what happens, and for what goes wrong. */
import type { DrayerError } from '../core/errors.ts';
import { DEFAULT_HINTS } from './default-hints.ts';
import type { Session } from './session.ts';

/** `14:03:25`, on the clock of whoever looks. */
export function timeOfDay(): string {
  return new Date().toTimeString().slice(0, 8);
}

/**
 * Prints what keeps a running command from going on, for machines as `{ …about, error }`.
 *
 * @param about - what it is about
 * @param next - what happens now
 */
export function printProblem(
  { terminal }: Session,
  { code, message, hint = DEFAULT_HINTS[code], details }: DrayerError,
  { about, next }: { readonly about: object; readonly next: string },
): void {
  if (terminal.isJson) {
    terminal.printJson({ ...about, error: { code, message, hint, ...details } });
  }
  terminal.complain('warning', `${message}\n${next}`);
  if (hint !== undefined) terminal.complain('hint', hint);
}
