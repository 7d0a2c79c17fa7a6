/** What `drayer mirror` says: what a run came to, and what to do with it. */
import type { MirrorReport } from '../../mirror/mirror.ts';
import { isPartial } from '../../store/value-mode.ts';
import { bytes, count, shellWord } from '../format.ts';
import { describeValues } from '../mirror-values.ts';
import type { Session } from '../session.ts';
import type { MirrorFlags } from './mirror.ts';

/** Prints what a run came to, and what can be done next. */
export function printReport(
  session: Session,
  report: MirrorReport,
  { url, stream, serve }: MirrorFlags & { readonly url: string },
): void {
  const { terminal } = session;
  const { generation, id, path } = report;
  const seq = generation.snapshot === undefined ? '' : `generation ${generation.snapshot.seq}, `;
  const state = `${seq}${count(generation.count, 'record')}`;
  if (report.changed) {
    const proof = report.snapshotProved ? 'proved whole by its snapshot' : 'every record signed';
    terminal.print(`mirrored ${id}: ${state}, ${bytes(report.bytes)} fetched, ${proof}`);
  } else {
    terminal.print(`${terminal.paint('bold', 'up to date')}: ${id}, ${state}`);
  }
  if (report.source === 'behind')
    terminal.complain('warning', `${url} has an older state than this mirror`);
  if (report.source === 'uncovered') {
    const what =
      'has records after its newest snapshot; they are not shown until a snapshot covers them';
    terminal.complain('warning', `${url} ${what}`);
  }
  if (!report.snapshotProved) {
    terminal.say('it has no snapshots: nothing proves that no record was left out');
  }
  printValues(session, report);
  terminal.print(`file ${path}`);
  if (serve) return;
  const argument = stream === undefined ? '' : ` ${shellWord(stream)}`;
  terminal.print(`serve it: drayer serve${argument}`);
}

function printValues(
  { terminal }: Session,
  { values, wantedValues, droppedValues }: MirrorReport,
): void {
  const erased = droppedValues === 0 ? '' : `; ${count(droppedValues, 'value')} erased`;
  if (isPartial(values)) terminal.print(`it holds ${describeValues(values)}${erased}`);
  if (wantedValues === 0) return;
  const what = `${count(wantedValues, 'value')} could not be had: no source that was asked holds`;
  terminal.complain('warning', `${what} ${wantedValues === 1 ? 'it' : 'them'}`);
  terminal.complain('hint', 'give another source, one that holds the whole stream');
}

/** The same for machines. */
export function jsonReport({ generation, failures, ...report }: MirrorReport): object {
  const { tip, count: records, snapshot } = generation;
  const root = snapshot && Buffer.from(snapshot.root).toString('hex');
  const failed = failures.map(({ url, error: { code, message } }) => ({ url, code, message }));
  return { ...report, tip, records, seq: snapshot?.seq, root, failed };
}
