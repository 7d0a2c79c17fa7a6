/** What `drayer mirror` says: what a run came to, and what to do with it. */
import type { MirrorReport } from '../../mirror/mirror.ts';
import { isPartial } from '../../store/value-mode.ts';
import { bytes, count, describeSignatures, shellWord, time } from '../format.ts';
import { describeValues } from '../mirror-values.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';
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
  printSources(session, report, url);
  const signatures = describeSignatures(report.signatures);
  if (signatures !== undefined) terminal.say(`signatures ${signatures}`);
  if (!report.snapshotProved) {
    terminal.say('it has no snapshots: nothing proves that no record was left out');
  }
  printValues(session, report);
  terminal.print(`file ${path}`);
  if (serve) return;
  const argument = stream === undefined ? '' : ` ${shellWord(stream)}`;
  terminal.print(`serve it: drayer serve${argument}`);
}

/** What is odd about the sources, whatever came of it. */
function printSources({ terminal }: Session, report: MirrorReport, url: string): void {
  const isOne = report.failures.length === 0;
  const who = isOne ? url : 'every source that answers';
  if (report.source === 'behind')
    terminal.complain('warning', `${who} has an older state than this mirror`);
  if (report.source === 'uncovered') {
    const what =
      'has records after its newest snapshot; they are not shown until a snapshot covers them';
    terminal.complain('warning', `${who} ${what}`);
  }
  if (report.source === 'withheld') {
    const what = 'a source shows a newer signed record, and none gives what belongs to it';
    terminal.complain('warning', `${what}; the newest complete generation stays`);
  }
  for (const { url: fallen, from, to } of report.fallen) {
    const what = `has gone back: it showed a record of ${time(from)} before, now one of ${time(to)}`;
    terminal.complain('warning', `${visible(fallen)} ${what}`);
  }
  if (report.leftOut > 0) {
    terminal.say(`${count(report.leftOut, 'source')} more are known; they are asked in later runs`);
  }
  if (report.unremembered !== undefined) terminal.complain('warning', report.unremembered);
  for (const { error } of report.failures.slice(0, MOST_FAILURES)) {
    terminal.complain('warning', `a source was of no use: ${visible(error.message)}`);
  }
  const left = report.failures.length - MOST_FAILURES;
  if (left > 0) terminal.complain('warning', `and ${count(left, 'source')} more`);
}

const MOST_FAILURES = 5;

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
