/** `drayer list`: every stream of this machine, own and mirrored, and how it is doing. */
import { EXIT } from '../../core/errors.ts';
import { findDaemon } from '../../daemon/control-client.ts';
import type { ListedRun } from '../../daemon/control-wire.ts';
import type { KeptState } from '../../daemon/kept-mirrors.ts';
import { listKnownStreams } from '../../daemon/known-streams.ts';
import { listStreams, type StreamSummary } from '../../daemon/list-streams.ts';
import { bytes, count, describeSignatures, table } from '../format.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';
import type { StreamFlags } from './choose-stream.ts';

/** Prints the streams. */
export async function list(session: Session, flags: StreamFlags): Promise<number> {
  const { terminal, signal } = session;
  const { dataDir } = await session.settings({ dataDir: flags.dataDir });
  const known = await listKnownStreams(await session.config(), dataDir);
  const link = await findDaemon(dataDir);
  const run: ListedRun | undefined = await link?.ask({ do: 'list' }, { signal });
  const streams = listStreams(known, run);
  const daemon = link && { pid: link.pid, version: link.version, port: link.port };
  if (terminal.isJson) {
    terminal.printJson({ daemon, streams: streams.map(jsonSummary) });
    return EXIT.done;
  }
  for (const stream of streams) print(session, stream, run !== undefined);
  if (streams.length === 0) {
    terminal.say('no streams yet; drayer publish DIR makes one, drayer mirror URL copies one');
  } else {
    const who =
      daemon === undefined
        ? 'no daemon runs: nothing is served or followed; drayer serve starts one'
        : `the daemon is process ${daemon.pid}, on port ${daemon.port}`;
    terminal.say(`${count(streams.length, 'stream')}; ${who}`);
  }
  return EXIT.done;
}

function print({ terminal }: Session, stream: StreamSummary, isRunning: boolean): void {
  const { kind, id = 'not there yet', name, seq, records } = stream;
  const generation = seq === undefined ? count(records, 'record') : `generation ${seq}`;
  const title = name === undefined ? id : `${visible(name)}  ${id}`;
  terminal.print(`${terminal.paint('bold', title)}  ${kind}`);
  const rows: string[][] = [['  held', `${bytes(stream.bytes)}, ${generation}`]];
  const signatures = describeSignatures(stream.signatures);
  if (signatures !== undefined) rows.push(['  signatures', signatures]);
  const [address] = stream.addresses;
  if (stream.kept?.isHidden) rows.push(['  served', 'no: held only']);
  else if (isRunning) rows.push(['  served', address ?? 'no']);
  if (stream.kept !== undefined) rows.push(...keptRows(stream.kept, isRunning));
  if (stream.isDisputed)
    rows.push(['  DHT', 'disagrees: it shows an older generation, or another']);
  if (stream.fault !== undefined) rows.push(['  problem', visible(stream.fault.message)]);
  rows.push(['  file', stream.path]);
  for (const line of table(rows, [])) terminal.print(line);
}

function keptRows(
  { urls, quota, problem, isFollowing, seenMs }: KeptState,
  isRunning: boolean,
): string[][] {
  const seen = seenMs === undefined ? '' : `, seen ${new Date(seenMs).toISOString().slice(0, 19)}Z`;
  const state = isRunning && !isFollowing ? ' (stopped)' : seen;
  const rows = urls.map((url, i) => [
    i === 0 ? '  follows' : '',
    `${visible(url)}${i === 0 ? state : ''}`,
  ]);
  if (quota?.bytes !== undefined) rows.push(['  quota', bytes(quota.bytes)]);
  if (problem !== undefined) rows.push(['  problem', visible(problem.message)]);
  return rows;
}

function jsonSummary({ kept, fault, isDisputed, ...stream }: StreamSummary): object {
  const problem = kept?.problem ?? fault;
  return {
    ...stream,
    served: stream.addresses.length > 0,
    hidden: kept?.isHidden,
    following: kept?.isFollowing,
    sources: kept?.urls,
    seen: kept?.seenMs,
    quota: kept?.quota,
    disputed: isDisputed || undefined,
    problem: problem && { code: problem.code, message: problem.message, hint: problem.hint },
  };
}
