/** `drayer mirror` while a daemon runs: it does the work, and keeps the mirror up to date from then on. */
import { resolve } from 'node:path';
import { DrayerError, EXIT } from '../../core/errors.ts';
import { formatStreamId } from '../../core/stream-id.ts';
import type { DaemonLink } from '../../daemon/control-client.ts';
import { fromWireError } from '../../daemon/control-wire.ts';
import { withReader } from '../../daemon/stream-facts.ts';
import type { MirrorReport } from '../../mirror/mirror.ts';
import { valuesOf } from '../mirror-values.ts';
import { startProgress } from '../progress.ts';
import type { Session } from '../session.ts';
import type { MirrorFlags } from './mirror.ts';
import { quotaOf } from './mirror-keep.ts';
import { jsonReport, printReport } from './mirror-output.ts';
import { chooseKey, showProgress } from './mirror-source.ts';

/** Which stream, from where. */
type Wish = {
  readonly url: string;
  readonly id: string | undefined;
  readonly flags: MirrorFlags;
};

/** Has the daemon bring a mirror up to date, making it if there is none. */
export async function mirrorThere(
  session: Session,
  link: DaemonLink,
  { url, id, flags }: Wish,
): Promise<number> {
  const { terminal, signal } = session;
  checkServing(link, flags);
  const progress = startProgress(terminal);
  try {
    const publicKey = await chooseKey(session, url, id);
    const { addresses, ...result } = await link.ask(
      {
        do: 'mirror',
        id: formatStreamId(publicKey),
        url,
        from: flags.from,
        isHidden: flags.hold,
        quota: quotaOf(flags),
        options: { values: valuesOf(flags) },
      },
      { signal, onProgress: (state) => showProgress(progress, state) },
    );
    progress.finish();
    const path = resolve(result.path);
    const generation = withReader(path, (reader) => reader.generation());
    const failures = result.failures.map(({ url: at, error }) => {
      return { url: at, error: fromWireError(error) };
    });
    const report: MirrorReport = { ...result, path, generation, failures };
    const status = report.wantedValues > 0 ? EXIT.underReplicated : EXIT.done;
    if (terminal.isJson) {
      terminal.printJson({ ...jsonReport(report), daemon: link.pid, addresses });
      return status;
    }
    printReport(session, report, { url, ...flags, serve: true });
    printKept(session, link, addresses);
    return status;
  } finally {
    progress.finish();
    link.close();
  }
}

function printKept(session: Session, { pid }: DaemonLink, addresses: readonly string[]): void {
  const { terminal } = session;
  const [address] = addresses;
  const who = `the drayer that runs (process ${pid})`;
  terminal.print(
    `${who} keeps it up to date${address === undefined ? ', and shows it to nobody' : ''}`,
  );
  if (address !== undefined) {
    terminal.print(`it is being served: ${terminal.paint('cyan', address)}`);
  }
}

/** A second server for the same mirrors is not started: two would fetch the same. */
function checkServing({ pid, port }: DaemonLink, flags: MirrorFlags): void {
  const other = flags.host ?? flags.lan ?? flags.dht ?? flags.upnp ?? flags.live;
  if ((flags.port ?? other) === undefined) return;
  if (flags.port === port && other === undefined) return;
  const message = `a drayer runs already (process ${pid}, port ${port}): it would serve this mirror too`;
  throw new DrayerError('CONFLICT', message, {
    hint: 'leave --port, --host, --lan, --dht, --upnp and --live out, or give a --data-dir of its own',
  });
}
