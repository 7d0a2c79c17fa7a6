/** Says of a secret key on the command line what it is, before it becomes the name of a file or of a site. */
import { DrayerError } from '../core/errors.ts';
import { isKeyPair } from '../store/key-file.ts';

/**
 * Refuses words that hold a secret key, in base64, base64url or hex.
 *
 * @throws {DrayerError} SECRET_EXPOSED, without the key
 */
export function refuseKeys(words: readonly string[]): void {
  if (!words.some(holdsKey)) return;
  throw new DrayerError('SECRET_EXPOSED', 'a secret key was given on the command line', {
    hint: 'every user of this machine can read it there, and the shell may have kept it: clear its history; give a key in a file, with --key-stdin or in DRAYER_KEY',
  });
}

// Long names have the same form: only what is a pair of keys is one. A path before it has it too, so each
// place may be the first.
function holdsKey(word: string): boolean {
  const base64 = word.matchAll(/(?=([\w+/-]{86}))/g);
  const hex = word.matchAll(/(?=([0-9a-f]{128}))/gi);
  return holdsPair(base64, 'base64') || holdsPair(hex, 'hex');
}

function holdsPair(matches: Iterable<RegExpExecArray>, encoding: 'base64' | 'hex'): boolean {
  for (const [, text = ''] of matches) if (isKeyPair(Buffer.from(text, encoding))) return true;
  return false;
}
