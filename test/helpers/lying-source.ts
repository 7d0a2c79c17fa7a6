/**
 * A source that lies: it holds every record the key ever signed, silent patches included, and
 * chooses freely what to show and what to leave out. It cannot sign.
 */
import type { ChainView } from '../../src/core/chain.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import type { Source } from './model-mirror.ts';

/** Collects every version of every record a writer ever signs. */
export class VersionLog {
  readonly versions: SignedRecord[] = [];
  readonly #known = new Set<string>();

  /** Notes what is new in a state. */
  note(records: readonly SignedRecord[]): void {
    for (const record of records) {
      const name = `${record.id} ${record.modified} ${record.prevChange}`;
      if (this.#known.has(name)) continue;
      this.#known.add(name);
      this.versions.push(record);
    }
  }
}

/**
 * Lies by these choices, one a record shown; silent when they run out. It mostly shows what the
 * mirror would take in, since the rest is refused and changes nothing.
 */
export function lyingSource(
  versions: readonly SignedRecord[],
  mirror: () => ChainView,
  choices: readonly number[],
): Source {
  const left = [...choices];
  const choose = (from: readonly SignedRecord[]): SignedRecord | undefined => {
    const choice = left.shift();
    return choice === undefined || from.length === 0 ? undefined : from[choice % from.length];
  };
  const fits = (record: SignedRecord): boolean =>
    record.prevChange === 0 || mirror().byModified(record.prevChange) !== undefined;
  return {
    newRecords(since) {
      const later = versions.filter(({ modified }) => modified > since);
      const fitting = later.filter(fits);
      // One choice in eight is any record at all, also one from before the tip.
      const isWild = left[0] !== undefined && left[0] % 8 === 0;
      const shown = choose(isWild ? versions : fitting.slice(0, 6));
      return shown === undefined ? [] : [shown];
    },
    crdr(old) {
      const pointing = versions.filter(({ prevChange }) => prevChange === old);
      return choose(pointing.length > 0 ? pointing : versions);
    },
  };
}
