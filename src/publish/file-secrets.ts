/** Says of one file's content whether a secret keeps it from being published. */
import type { PublishFault } from './publish-fault.ts';
import { isSecretKeyFile, makeSecretScan, type SecretScan } from './secret-scan.ts';

/** What {@link findSecretFaults} found; both may be there. */
export type SecretFaults = {
  /** A private key of a stream, or of OpenSSH: never published. */
  readonly own: PublishFault | undefined;
  /** A secret of somebody else's: published where its owner means it. */
  readonly known: PublishFault | undefined;
};

// Made once a thread: the settings of a publish are one object there.
const scans = new WeakMap<readonly Uint8Array[], SecretScan>();

/**
 * Looks at a content.
 *
 * @param needles - see {@link secretNeedles}; the same array for every file of a publish
 */
export function findSecretFaults(
  path: string,
  content: Uint8Array,
  needles: readonly Uint8Array[],
): SecretFaults {
  const { hasOwn, never, known } = scanOf(needles)(content);
  const own = ownFault(hasOwn, never, content);
  if (own === undefined && known.size === 0) return NOTHING;
  return {
    own: own === undefined ? undefined : { path, code: 'SECRET_IN_SITE', message: own },
    known:
      known.size > 0
        ? { path, code: 'CREDENTIAL_IN_SITE', message: `it seems to contain ${listed(known)}` }
        : undefined,
  };
}

function ownFault(
  hasOwn: boolean,
  never: ReadonlyMap<string, number>,
  content: Uint8Array,
): string | undefined {
  if (hasOwn) return 'it contains the private key of this very stream';
  if (isSecretKeyFile(content)) return 'it is the private key of a stream';
  return never.size > 0 ? `it contains ${listed(never)}` : undefined;
}

function listed(found: ReadonlyMap<string, number>): string {
  return [...found].map(([name, line]) => `${name} (line ${line})`).join(', ');
}

const NOTHING: SecretFaults = { own: undefined, known: undefined };

function scanOf(needles: readonly Uint8Array[]): SecretScan {
  const scan = scans.get(needles) ?? makeSecretScan(needles);
  scans.set(needles, scan);
  return scan;
}
