/** Records for tests: signed with a fixed key, or bare where nothing looks at signatures. */
import { hash, keyPairFromSeed } from '#crypto';
import type { ChainView, Step } from '../../src/core/chain.ts';
import { emptyView, OverlayView } from '../../src/core/overlay.ts';
import type { Draft, SignedRecord } from '../../src/core/record.ts';
import { signDraft } from '../../src/core/signing.ts';

/** The key pair of all tests that need only one. */
export const TEST_KEYS = keyPairFromSeed(new Uint8Array(32).fill(7));

/** Hash of a text's bytes. */
export function hashOf(value: string): Uint8Array {
  return hash(new TextEncoder().encode(value));
}

/** A draft; whatever is not given follows from the id: modified = 10 × id, links to id − 1. */
export function draft(fields: Partial<Draft> & { id: number }): Draft {
  const { id } = fields;
  return {
    type: 'obj',
    key: `k${id}`,
    hash: hashOf(`v${id}`),
    timestamp: 10 * id,
    modified: 10 * id,
    prev: id - 1,
    prevChange: 10 * (id - 1),
    ...fields,
  };
}

/** A signed record; defaults as in {@link draft}. */
export function record(fields: Partial<Draft> & { id: number }): SignedRecord {
  return signDraft(draft(fields), TEST_KEYS.secretKey);
}

/** A record with a signature of zeros, for tests that take many and look at none. */
export function bare(fields: Partial<Draft> & { id: number }): SignedRecord {
  return { ...draft(fields), signature: ZEROS };
}

const ZEROS = new Uint8Array(64);

/** A stream in memory. */
export function viewOf(records: Iterable<SignedRecord>): OverlayView {
  const view = new OverlayView(emptyView());
  for (const held of records) view.put(held);
  return view;
}

/** All records of a view, ascending in `modified`. */
export function recordsOf(view: ChainView): SignedRecord[] {
  const records: SignedRecord[] = [];
  for (let at = view.afterModified(0); at !== undefined; at = view.afterModified(at.modified)) {
    records.push(at);
  }
  return records;
}

/** One line a record, ascending in `modified`: for comparing states by eye and by equality. */
export function linesOf(records: Iterable<Draft>): string[] {
  return [...records]
    .sort((a, b) => a.modified - b.modified)
    .map((at) => {
      const links = `id ${at.prev}<${at.id} modified ${at.prevChange}<${at.modified}`;
      const value = Buffer.from(at.hash).toString('hex').slice(0, 8);
      return `${links} ${at.type} ${at.key} ts ${at.timestamp} ${value}`;
    });
}

/** What a plan does, one word a step: `-3`, `+4@50`. */
export function stepLines(steps: readonly Step[]): string[] {
  return steps.map((step) =>
    step.kind === 'remove' ? `-${step.id}` : `+${step.record.id}@${step.record.modified}`,
  );
}
