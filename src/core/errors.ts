/**
 * The one error class of the project and its two tables: code to HTTP status, code to exit status.
 * Expected outcomes are values, not errors; what is thrown here is what a person has to act on.
 */

/** Exit statuses of the command line, by meaning. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  underReplicated: 3,
  inputNeeded: 4,
  conflict: 5,
  verificationFailed: 6,
  unreachable: 7,
  refused: 8,
  checkFailed: 9,
} as const;

/** One row per code: [HTTP status, exit status as in {@link EXIT}]. */
const CODES = {
  // usage and configuration
  USAGE: [400, 2],
  CONFIG_INVALID: [500, 2],
  STREAM_ID_INVALID: [400, 2],
  INPUT_NEEDED: [500, 4],
  // records and chains
  RECORD_INVALID: [400, 6],
  SIGNATURE_INVALID: [400, 6],
  SIGNATURES_UNCHECKED: [503, 6],
  KEY_LIMIT: [400, 1],
  CHAIN_FULL: [409, 1],
  CHAIN_BROKEN: [500, 6],
  SNAPSHOT_MISMATCH: [409, 6],
  PROOF_INVALID: [400, 6],
  TWO_HISTORIES: [409, 5],
  CONFLICT: [409, 5],
  // wire
  MALFORMED: [400, 6],
  TOO_LARGE: [413, 1],
  // files
  FILE_RECORD_INVALID: [502, 6],
  PATH_INVALID: [400, 1],
  FILE_UNREADABLE: [500, 1],
  FILE_CHANGING: [500, 1],
  // store
  STREAM_NOT_FOUND: [404, 1],
  STREAM_EXISTS: [409, 1],
  STREAM_INVALID: [500, 6],
  STREAM_READ_ONLY: [403, 8],
  STREAM_BUSY: [503, 5],
  STREAM_BEHIND_MARK: [409, 8],
  RECORD_NOT_FOUND: [404, 1],
  VALUE_NOT_HELD: [503, 1],
  STORAGE_FAILED: [500, 1],
  KEY_INVALID: [400, 2],
  KEY_NOT_FOUND: [404, 4],
  KEY_MODE: [500, 8],
  KEY_MISMATCH: [409, 8],
  SECRET_EXPOSED: [500, 8],
  NATIVE_MISSING: [500, 1],
  // publish
  DIRECTORY_NOT_FOUND: [404, 2],
  BUILD_FAILED: [500, 1],
  SECRET_IN_SITE: [500, 8],
  CREDENTIAL_IN_SITE: [500, 8],
  MASS_DELETE: [409, 8],
  LINKS_BROKEN: [500, 9],
  // network
  ADDRESS_IN_USE: [500, 1],
  ROUTER_REFUSED: [502, 7],
  UNREACHABLE: [502, 7],
  PEER_MISBEHAVED: [502, 6],
  PEER_INCOMPLETE: [502, 3],
  NOT_FOUND: [404, 1],
  GONE: [410, 1],
  PRECONDITION_FAILED: [412, 1],
  CROSS_SITE: [403, 1],
  METHOD_NOT_ALLOWED: [405, 1],
  NOT_SUPPORTED: [501, 1],
  HOST_REFUSED: [421, 1],
  // daemon
  SOCKET_UNSAFE: [500, 8],
  // push
  AUTH_INVALID: [401, 1],
  PUSH_NOT_ALLOWED: [403, 1],
  OVER_QUOTA: [413, 1],
  LEASE_HELD: [423, 5],
  LEASE_LOST: [409, 5],
  TIP_MOVED: [409, 5],
  CLOCK_OFF: [401, 1],
  BATCH_REFUSED: [409, 6],
  // edge
  ABORTED: [503, 130],
  INTERNAL: [500, 1],
} as const;

/** Name of an error condition; stable, part of the public API. */
export type ErrorCode = keyof typeof CODES;

/** What a {@link DrayerError} may carry besides its message. */
export type ErrorDetail = {
  /** What the person can do about it, one sentence. */
  readonly hint?: string | undefined;
  /** The error underneath. */
  readonly cause?: unknown;
  /** The same as the message says, whole and for programs: what is wrong with each file, say. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
};

/** The mark of the class, the same in every copy of this module. */
const BRAND: unique symbol = Symbol.for('drayer.error');

/** The only error this project throws on purpose. */
export class DrayerError extends Error {
  /** Whichever copy of this module made it: the command is more than one script, a config file has the library's. */
  static override [Symbol.hasInstance](error: unknown): boolean {
    return typeof error === 'object' && error !== null && BRAND in error;
  }

  override readonly name = 'DrayerError';
  /** Which condition; the key of both tables. */
  readonly code: ErrorCode;
  /** What the person can do about it, one sentence, or undefined. */
  readonly hint: string | undefined;
  /** The same as the message says, whole and for programs; undefined where it says all. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, 'cause' in detail ? { cause: detail.cause } : undefined);
    this.code = code;
    this.hint = detail.hint;
    this.details = detail.details;
  }
}

Object.defineProperty(DrayerError.prototype, BRAND, { value: true });

/** Tells whether `error` is a {@link DrayerError}, with that code if one is given. */
export function isDrayerError(error: unknown, code?: ErrorCode): error is DrayerError {
  return error instanceof DrayerError && (code === undefined || error.code === code);
}

/** Tells whether `text` is the name of an error condition. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(CODES, text);
}

/** Returns the HTTP status that stands for `code`. */
export function statusOf(code: ErrorCode): number {
  return CODES[code][0];
}

/** Returns the exit status that stands for `code`. */
export function exitOf(code: ErrorCode): number {
  return CODES[code][1];
}
