/** The parts a value comes together from. */
import type { Range } from '../store/byte-ranges.ts';
import type { PartFile } from '../store/part-file.ts';
import { Pace } from './pace.ts';
import type { Source } from './source.ts';

/** A range that one source was asked for. */
export type Part = {
  readonly source: Source;
  readonly start: number;
  /** Moved back when another source takes over the rest. */
  end: number;
  /** Up to here it has come. */
  at: number;
  /** Up to here it is kept on disk. */
  keptTo: number;
  readonly sinceMs: number;
  readonly pace: Pace;
  /** It is being read. */
  isOpen: boolean;
  /** Ends the reading; set once there is an answer. */
  abandon: (() => void) | undefined;
};

/** What of a value is on disk, from an earlier run: whoever brought it, nobody is asked to answer for it. */
export type KeptBytes = Pick<PartFile, 'size' | 'ranges' | 'load'>;

/** What several sources put together wrongly, kept until the right bytes show who lied. */
export type Evidence = { readonly parts: readonly Part[]; readonly bytes: Uint8Array };

/** Begins a part. */
export function beginPart(source: Source, { start, end }: Range): Part {
  const pace = new Pace();
  pace.begin();
  const at = { start, end, at: start, keptTo: start };
  const sinceMs = performance.now();
  return { source, ...at, sinceMs, pace, isOpen: true, abandon: undefined };
}
