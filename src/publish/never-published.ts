/**
 * Names that are never published, whatever is configured (THREATS A26): keys, streams, what belongs to
 * version control, secrets of the environment, installed packages.
 */

/** File and directory names, compared without regard to case: `.ENV` is the same file on many disks. */
const NEVER_PUBLISHED: readonly RegExp[] = [
  // The private key and copies of it: foo.stream.privatekey, foo.stream.privatekey.bak, …
  /\.privatekey(?![a-z0-9])/i,
  // A stream and what lies beside it; `live.stream.html` is none of them.
  /\.stream(\.(mark|part|staging|evidence|damaged|tmp)\b.*)?(-(wal|shm|journal))?$/i,
  /^\.(git|hg|svn|drayer)$/i,
  /^\.env/i,
  /^\.(npmrc|netrc|pgpass|ssh|gnupg|aws)$/i,
  /^id_(rsa|dsa|ecdsa|ed25519)(_sk)?$/i,
  /^node_modules$/i,
];

/** Every name a rule applies to begins like this, or has this in it. */
const SUSPECT = /^(?:\.|id_|node_modules$)|\.privatekey|\.stream/im;

/** Tells whether {@link isNeverPublished} may be true of one of these names, a line each: one cheap look for most. */
export function mayBeSecret(lines: string): boolean {
  return SUSPECT.test(lines);
}

/** Tells whether a file or directory of this name is never published. */
export function isNeverPublished(name: string): boolean {
  return mayBeSecret(name) && NEVER_PUBLISHED.some((pattern) => pattern.test(name));
}
