/** Random histories of a stream: batches of puts, updates and deletes, and a clock that misbehaves. */
import type { KeyBatch, Writer } from './model-writer.ts';
import type { Random } from './scale.ts';

/** Few keys, so that they are updated, deleted and put again often. */
export const KEYS: readonly string[] = [...'abcdefgh'];

/** What a history is made of. */
export type HistoryOptions = {
  readonly batches: number;
  /** Most puts in a batch; deletes come on top. */
  readonly maxPuts?: number;
  readonly maxDeletes?: number;
};

/**
 * Commits random batches, calling `after` once for each that changed something. A third of them
 * only delete; the clock mostly runs, now and then stands still or jumps back.
 */
export function runHistory(
  writer: Writer,
  random: Random,
  options: HistoryOptions & { readonly after: (batch: KeyBatch) => void },
): void {
  let now = 1_000_000;
  for (let index = 0; index < options.batches; index += 1) {
    now += random.pick([0, 1, 7, 50, 50, -30]);
    const batch = randomBatch(writer, random, options);
    if (writer.commit(batch, now)) options.after(batch);
  }
}

/** One random batch for what the writer holds now. */
export function randomBatch(
  writer: Writer,
  random: Random,
  { maxPuts = 3, maxDeletes = 3 }: Pick<HistoryOptions, 'maxPuts' | 'maxDeletes'> = {},
): KeyBatch {
  const held = writer.records().filter(({ type }) => type === 'obj');
  // The id tip among them is deleted often: that is where the rules are thinnest (R8).
  const highest = held.reduce((a, b) => Math.max(a, b.id), 0);
  const deletes = new Set<string>();
  if (held.length > 0 && random.oneIn(2)) {
    for (let left = 1 + random.below(maxDeletes); left > 0; left -= 1) {
      const victim = random.oneIn(3) ? held.find(({ id }) => id === highest) : random.pick(held);
      if (victim !== undefined) deletes.add(victim.key);
    }
  }
  const puts = new Set<string>();
  if (deletes.size === 0 || random.oneIn(3)) {
    for (let left = 1 + random.below(maxPuts); left > 0; left -= 1) puts.add(random.pick(KEYS));
  }
  return { puts: [...puts].filter((key) => !deletes.has(key)), deletes: [...deletes] };
}
