/** `drayer serve STREAM` while a daemon runs: it serves the stream too, instead of a second server. */
import type { Settings } from '../../config/settings.ts';
import { findDaemon } from '../../daemon/control-client.ts';
import type { StreamSource } from '../../server/stream-set.ts';
import { isPlainOperator } from '../operator-flags.ts';
import type { Session } from '../session.ts';
import type { ServeFlags } from './serve.ts';

/** Whether nothing is asked for that the daemon may do otherwise. */
export function isPlain(flags: ServeFlags): boolean {
  const { port, host, lan, dht, upnp, site, mount, allowHost, cors, live, workers } = flags;
  if (!isPlainOperator(flags)) return false;
  return (
    (port ??
      host ??
      lan ??
      dht ??
      upnp ??
      site ??
      mount ??
      allowHost ??
      cors ??
      live ??
      workers) === undefined
  );
}

/**
 * Hands the streams to the daemon of the data folder.
 *
 * @returns false where none runs, or it serves on another port than this command would
 */
export async function serveThere(
  session: Session,
  { dataDir, port }: Settings,
  sources: readonly StreamSource[],
): Promise<boolean> {
  const { terminal, signal } = session;
  const results: { readonly id: string; readonly addresses: readonly string[] }[] = [];
  for (const { path, name } of sources) {
    const link = await findDaemon(dataDir);
    if (link === undefined) return false;
    if (link.port !== port) {
      link.close();
      return false;
    }
    const served = await link.ask({ do: 'serve', path, name }, { signal });
    results.push(served);
    if (terminal.isJson) continue;
    terminal.print(`served by the drayer that runs (process ${link.pid}):`);
    for (const address of served.addresses) terminal.print(`  ${terminal.paint('cyan', address)}`);
  }
  if (terminal.isJson) terminal.printJson({ port, streams: results });
  return true;
}
