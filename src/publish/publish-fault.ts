/** What is wrong with single files. One fault stops the publish: a site is published whole or not at all. */
import { DrayerError, type ErrorCode } from '../core/errors.ts';
import type { DiskFile } from './walk.ts';

/** One file that cannot be published. */
export type PublishFault = {
  /** Site path, or as near to one as its name allows. */
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
};

const HINTS: { readonly [code in ErrorCode]?: string } = {
  TOO_LARGE: 'leave it out with an ignore pattern, or raise the limit for files',
  FILE_UNREADABLE: 'make it readable for this user, or leave it out with an ignore pattern',
  FILE_CHANGING: 'publish again when the program that writes it has finished',
  PATH_INVALID: 'rename it, or leave it out with an ignore pattern',
  SECRET_IN_SITE:
    'remove the private key from the site; whoever has read it can act as its owner, for ever',
  CREDENTIAL_IN_SITE:
    'take the secret out, and change it where it was shown before; if everybody may know it, publish again with --allow-secrets, or name the file in allowSecrets in drayer.config.ts',
};

/** Makes a fault of each file that is larger than `maxBytes`. */
export function findOversized(files: readonly DiskFile[], maxBytes: number): PublishFault[] {
  const oversized = files.filter(({ bytes }) => bytes > maxBytes);
  return oversized.map(({ key, bytes }) => {
    const message = `expected at most ${maxBytes} bytes, got ${bytes}`;
    return { path: key, code: 'TOO_LARGE', message };
  });
}

/**
 * Throws one error of all faults, each once: somebody who mends one and runs into the next has waited
 * twice.
 */
export function stopOn(faults: readonly PublishFault[]): void {
  const distinct = new Map(faults.map((fault) => [`${fault.code} ${fault.path}`, fault]));
  if (distinct.size > 0) throw faultsError([...distinct.values()]);
}

const MOST_LISTED = 20;

/**
 * Makes one error of all faults: the code of the gravest, every path listed.
 *
 * @param faults - at least one
 */
export function faultsError(faults: readonly PublishFault[]): DrayerError {
  const sorted = [...faults].sort((a, b) => rank(a) - rank(b) || (a.path < b.path ? -1 : 1));
  const lines = sorted.slice(0, MOST_LISTED).map(lineOf);
  if (sorted.length > MOST_LISTED) lines.push(`and ${sorted.length - MOST_LISTED} more`);
  const code = sorted[0]?.code ?? 'INTERNAL';
  const files = sorted.length === 1 ? 'a file' : `${sorted.length} files`;
  return new DrayerError(code, `nothing was published because of ${files}:\n${lines.join('\n')}`, {
    hint: HINTS[code],
    details: { faults: sorted },
  });
}

// One line each: a name with a line break in it must not look like two.
function lineOf({ path, message }: PublishFault): string {
  return `${path}: ${message}`.replaceAll('\n', '\\x0a');
}

// The gravest first, and last what its owner can allow: that alone is never the whole story.
function rank({ code }: PublishFault): number {
  if (code === 'SECRET_IN_SITE') return 0;
  return code === 'CREDENTIAL_IN_SITE' ? 2 : 1;
}
