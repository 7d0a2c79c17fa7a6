/** Signing what is pushed: the plan of a batch over a server's state, and the bytes that are sent. */
import { planBatch } from '../core/plan-batch.ts';
import type { SignedRecord } from '../core/record.ts';
import type { Generation } from '../store/reader.ts';
import { encodeRecords } from '../wire/record-codec.ts';
import type { PendingBatch } from './pending-batch.ts';
import type { PushState } from './push-state.ts';
import type { PushChange, PushSession } from './push-stream.ts';

/**
 * Plans and signs a generation. One turn of this thread: nothing comes between the look at the lease and the
 * signed bytes.
 */
export function signChange(
  { options, publicKey, source, memory }: PushSession,
  state: PushState,
  { puts, deletes }: PushChange,
): { pending: PendingBatch; generation: Generation } {
  const { secretKey, lifetimeMicros, now = () => Date.now() * 1000 } = options;
  const { view, trie, generation, losers } = state;
  const { steps, mark, snapshot } = planBatch(
    view,
    { puts, deletes },
    {
      now: now(),
      secretKey,
      mark: memory.mark,
      losers,
      // Who has nothing to change comes here only for a new lifetime.
      snapshot: { trie, previous: generation.snapshot, lifetimeMicros, renew: true },
    },
  );
  const records = steps.flatMap((step) => (step.kind === 'put' ? [step.record] : []));
  records.sort((a, b) => a.modified - b.modified);
  const removed = steps.length - records.length;
  const isNew = (record: SignedRecord): boolean => view.byId(record.id) === undefined;
  const count = view.count() - removed + records.filter(isNew).length;
  const snapshotRecord = records.at(-1);
  const { id: idTip, modified: tip, seq, root } = mark;
  return {
    pending: {
      url: source.url,
      expect: generation.tip,
      tip,
      idTip,
      seq,
      root,
      body: encodeRecords(records, publicKey),
    },
    generation: { tip, idTip, count, snapshot, snapshotRecord, covered: true },
  };
}
