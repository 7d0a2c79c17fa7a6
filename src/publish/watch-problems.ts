/** What goes wrong while a folder is watched: told once, until it is over. */
import { DrayerError, type ErrorCode } from '../core/errors.ts';
import type { WatchOptions } from './watch-directory.ts';

/** What keeps moving is spoken of after so long, ms. */
const PATIENCE_MS = 10_000;

/** What a watch cannot get over: it is about the stream or its key, not about the folder. */
const FATAL: ReadonlySet<ErrorCode> = new Set([
  'STREAM_NOT_FOUND',
  'STREAM_READ_ONLY',
  'STREAM_BEHIND_MARK',
  'STREAM_INVALID',
  'CHAIN_FULL',
  'KEY_INVALID',
  'KEY_MODE',
  'KEY_MISMATCH',
  'ABORTED',
  'INTERNAL',
]);
/** What may end without a change in the folder. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'DIRECTORY_NOT_FOUND',
  'STREAM_BUSY',
  'STORAGE_FAILED',
]);
/** Told once until it is over, however its words change. */
const TOLD_BY_CODE: ReadonlySet<ErrorCode> = new Set(['MASS_DELETE', 'FILE_CHANGING']);

/** Tells whether a watch cannot get over an error of this code. */
export function isFatal(code: ErrorCode): boolean {
  return FATAL.has(code);
}

/** Tells whether an error of this code may be over although the folder has not changed. */
export function isPassing(code: ErrorCode): boolean {
  return PASSING.has(code);
}

/** The problems of one watch. */
export class WatchProblems {
  readonly #options: Pick<WatchOptions, 'onProblem' | 'onMended'>;
  #told: string | undefined;
  #movingSinceMs: number | undefined;

  constructor(options: Pick<WatchOptions, 'onProblem' | 'onMended'>) {
    this.#options = options;
  }

  /** Tells what keeps the folder from being published, unless that is known. */
  tell(problem: DrayerError): void {
    const { code, message } = problem;
    const told = TOLD_BY_CODE.has(code) ? code : message;
    if (told !== this.#told) this.#options.onProblem?.(problem);
    this.#told = told;
  }

  /**
   * Notes that something in the folder has just changed, and tells of it when that goes on for long.
   *
   * @returns whether it was told
   */
  noteMoving(problem?: DrayerError): boolean {
    const now = performance.now();
    this.#movingSinceMs ??= now;
    if (now - this.#movingSinceMs < PATIENCE_MS) return false;
    const message = 'files of the folder have been changing for a while without a pause';
    const hint =
      'it goes on when nothing changes for a moment; what changes for ever can be ignored';
    this.tell(problem ?? new DrayerError('FILE_CHANGING', message, { hint }));
    return true;
  }

  /** Notes that the folder was published. */
  mend(): void {
    this.#movingSinceMs = undefined;
    if (this.#told === undefined) return;
    this.#told = undefined;
    this.#options.onMended?.();
  }
}
