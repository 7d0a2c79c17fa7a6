/**
 * Signatures that a mirror was shown without are checked by whoever first serves it (R22): beside everything
 * else, and its generation is told of once they are.
 */
import { DrayerError } from '../core/errors.ts';
import { checkInThread } from '../store/check-thread.ts';
import type { SignatureState } from '../store/unchecked.ts';
import type { HostedFile } from './hosted-file.ts';

/** What {@link SignatureChecks} is told. */
export type SignatureCheckOptions = {
  /** False where another process checks. */
  readonly checks: boolean;
  /** A file has been checked: it is to be looked at. */
  readonly onChecked: (path: string) => void;
  readonly onError: ((error: unknown, path: string) => void) | undefined;
};

/** The checks of the files of one stream set. */
export class SignatureChecks {
  readonly #options: SignatureCheckOptions;
  /** By path, the state that something was done about. */
  readonly #heeded = new Map<string, SignatureState>();
  readonly #stop = new AbortController();

  constructor(options: SignatureCheckOptions) {
    this.#options = options;
  }

  /** Does what the state of a file asks for, once for each state. */
  heed(file: HostedFile): void {
    const { signatures, source } = file;
    const { path } = source;
    if (signatures === (this.#heeded.get(path) ?? 'checked')) return;
    this.#heeded.set(path, signatures);
    if (signatures === 'wrong') this.#options.onError?.(wrongIn(path), path);
    if (signatures === 'unchecked' && this.#options.checks) void this.#check(file);
  }

  /** Ends what is under way. Idempotent. */
  close(): void {
    this.#stop.abort();
  }

  async #check(file: HostedFile): Promise<void> {
    const { inode, source } = file;
    const { path } = source;
    try {
      const check = await checkInThread(path, this.#stop.signal);
      if (check.kind === 'right' && !check.isNoted) file.noteChecked(inode);
      this.#options.onChecked(path);
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#options.onError?.(error, path);
    }
  }
}

function wrongIn(path: string): DrayerError {
  const message = `${path}: came with wrong signatures: its contents are proved and shown, its records are given to nobody`;
  return new DrayerError('SIGNATURE_INVALID', message, {
    hint: 'drayer mirror URL fetches them once more, from another source',
  });
}
