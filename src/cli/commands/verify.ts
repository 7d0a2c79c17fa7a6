/** `drayer verify [stream]`: is this file, to the last byte, what its key has signed? */
import { existsSync } from 'node:fs';
import { EXIT } from '../../core/errors.ts';
import { type AuditFinding, type AuditReport, verifyStream } from '../../store/audit.ts';
import { keyPathOf } from '../../store/key-file.ts';
import { bytes, count } from '../format.ts';
import { startProgress } from '../progress.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';
import { chooseStream, type StreamFlags } from './choose-stream.ts';

/** Checks a stream; exit status 6 when anything is wrong. */
export async function verify(
  session: Session,
  name: string | undefined,
  flags: StreamFlags,
): Promise<number> {
  const { terminal, signal } = session;
  const { path, keyFile } = await chooseStream(session, name, flags);
  const progress = startProgress(terminal);
  let report: AuditReport;
  try {
    const onProgress = (done: number, total: number): void =>
      progress.update(`checked ${count(done, 'record')}`, done, total);
    report = await verifyStream(path, { signal, onProgress });
  } finally {
    progress.finish();
  }
  const status = report.faults === 0 ? EXIT.done : EXIT.verificationFailed;
  if (terminal.isJson) {
    terminal.printJson({ path, ...report });
    return status;
  }
  for (const finding of report.findings) terminal.print(describe(finding));
  const held = `${count(report.records, 'record')}, ${bytes(report.bytes)}`;
  if (report.faults === 0) {
    terminal.print(`${terminal.paint('green', 'sound')}: ${path}, ${held}, ${proof(report)}`);
    return status;
  }
  terminal.print(`${terminal.paint('red', 'damaged')}: ${path}, ${held}`);
  const verdict =
    report.faults === 1 ? '1 fault was found' : `${count(report.faults, 'fault')} were found`;
  terminal.complain('error', verdict);
  terminal.complain('hint', remedy(report.id, existsSync(keyFile ?? keyPathOf(path))));
  return status;
}

function describe({ check, record, message }: AuditFinding): string {
  const name = record === undefined ? '' : ` (${record.type}/${record.key})`;
  return visible(`${check}: ${message}${name}`);
}

function proof({ snapshot, seq, wanted }: AuditReport): string {
  const missing = wanted === 0 ? '' : `; ${count(wanted, 'value')} not held`;
  if (snapshot === 'proved') return `exactly what snapshot ${seq} covers${missing}`;
  if (snapshot === 'uncovered') return `signed, but newer than snapshot ${seq}${missing}`;
  return `every record signed; no snapshot proves that none is left out${missing}`;
}

function remedy(id: string, isOwn: boolean): string {
  if (isOwn) return 'move the file away and fetch it from a mirror: drayer recover --from URL';
  return `move the file away and fetch it again: drayer mirror URL ${id}`;
}
