/**
 * Signatures that a mirror was shown without are checked by whoever first serves it (R22): beside everything
 * else, and its generation is told of once they are.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { checkInThread } from '../store/check-thread.ts';
import { isWritable } from '../store/stream-file.ts';
import type { HostedFile } from './hosted-file.ts';

/** What {@link SignatureChecks} is told. */
export type SignatureCheckOptions = {
  /** False where another process checks, and notes in the file what it finds. */
  readonly checks: boolean;
  /** A file has been checked: it is to be looked at. */
  readonly onChecked: (path: string) => void;
  readonly onError: ((error: unknown, path: string) => void) | undefined;
};

/** What is still unchecked after a check, as where another file took its place, is checked again after so long. */
const AGAIN_MS = 5_000;

/** The checks of the files of one stream set. */
export class SignatureChecks {
  readonly #options: SignatureCheckOptions;
  /** What was told of a file, by path. */
  readonly #told = new Map<string, string>();
  /** Ends a check that is under way, by path. */
  readonly #underWay = new Map<string, AbortController>();
  /** By path, until when nothing is checked, by `performance.now`. */
  readonly #rests = new Map<string, number>();

  constructor(options: SignatureCheckOptions) {
    this.#options = options;
  }

  /** Does what the state of a file asks for; to be told of it again and again. */
  heed(file: HostedFile): void {
    const { signatures, source } = file;
    const { path } = source;
    if (signatures === 'unchecked') this.#checkIfDue(file);
    else if (signatures === 'wrong') this.#tell(wrongIn(path), path);
    else {
      this.#rests.delete(path);
      this.#told.delete(path);
    }
  }

  /** A file is not looked after any more. */
  forget(path: string): void {
    this.#underWay.get(path)?.abort();
    this.#underWay.delete(path);
    this.#rests.delete(path);
    this.#told.delete(path);
  }

  /** Ends what is under way. Idempotent. */
  close(): void {
    for (const path of [...this.#underWay.keys()]) this.forget(path);
  }

  #checkIfDue(file: HostedFile): void {
    const { path } = file.source;
    const isResting = performance.now() < (this.#rests.get(path) ?? 0);
    if (isResting || this.#underWay.has(path)) return;
    if (this.#isOurs(path)) void this.#check(file);
    else this.#rest(path);
  }

  #isOurs(path: string): boolean {
    try {
      return this.#options.checks || !isWritable(path);
    } catch {
      // It is gone, or nobody can get at it.
      return false;
    }
  }

  async #check(file: HostedFile): Promise<void> {
    const { version, source } = file;
    const { path } = source;
    const stop = new AbortController();
    this.#underWay.set(path, stop);
    try {
      const check = await checkInThread(path, stop.signal);
      const found = check.kind === 'wrong' ? check.unchecked : undefined;
      if (!check.isNoted) file.noteFound(version, found);
    } catch (error) {
      // One that is gone may come again.
      const isGone = isDrayerError(error, 'STREAM_NOT_FOUND');
      if (!stop.signal.aborted && !isGone) this.#tell(error, path);
    }
    if (stop.signal.aborted) return;
    this.#underWay.delete(path);
    this.#rest(path);
    this.#options.onChecked(path);
  }

  #rest(path: string): void {
    this.#rests.set(path, performance.now() + AGAIN_MS);
  }

  /** Once. */
  #tell(error: unknown, path: string): void {
    const text = String(error);
    if (this.#told.get(path) === text) return;
    this.#told.set(path, text);
    this.#options.onError?.(error, path);
  }
}

function wrongIn(path: string): DrayerError {
  const message = `${path}: came with wrong signatures: its contents are proved and shown, its records are given to nobody`;
  return new DrayerError('SIGNATURE_INVALID', message, {
    hint: 'drayer mirror URL fetches them once more, from another source',
  });
}
