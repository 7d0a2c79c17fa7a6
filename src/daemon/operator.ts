/** What an operator may ask of a server besides serving, taken apart for the app and for the sockets. */
import { type AccessFormat, accessLine } from '../server/access-line.ts';
import type { AppOptions } from '../server/app.ts';
import type { CertificateFiles } from '../server/certificate.ts';
import { clientOf, parseProxies } from '../server/client.ts';
import type { Listener, ListenOptions } from '../server/listen.ts';
import { Metrics } from '../server/metrics.ts';
import { type OperatorServer, openOperatorServer } from '../server/operator-server.ts';
import type { AddressDetail } from '../server/push-address.ts';
import type { SeenRequest } from '../server/request-watch.ts';
import type { OpenStreamSet } from '../server/stream-set.ts';
import { denyListOf, watchKeyList } from '../store/key-list.ts';
import { openSitePorts, type SitePorts } from './site-ports.ts';

/** What an operator may ask for. */
export type OperatorOptions = {
  /** Folder of what has to be remembered, and of the list of denied streams. */
  readonly dataDir: string;
  /** Told a line for each request, in this form. Default: nobody is. */
  readonly accessLog?: AccessFormat | undefined;
  readonly onAccess?: ((line: string) => void) | undefined;
  /** How much of a client's address such a line has. Default: its network. */
  readonly logAddress?: AddressDetail | undefined;
  /** Port of `/metrics` and `/health`, on this machine only, 0 for any free one. Default: none. */
  readonly metricsPort?: number | undefined;
  /** Addresses and networks of proxies that are believed about who asks. */
  readonly behindProxy?: readonly string[] | undefined;
  /** Ends TLS with this certificate. */
  readonly certificate?: CertificateFiles | undefined;
  /** First of the ports that sites have of their own. Default: they have none. */
  readonly sitePorts?: number | undefined;
  /** Names with a site of their own: name to public key. */
  readonly domains?: Readonly<Record<string, Uint8Array>> | undefined;
  /** Names below which each site has one. */
  readonly parents?: readonly string[] | undefined;
  /** With `lan`: names there that were chosen, without `.local`, to public key. Others are called as in lists. */
  readonly names?: Readonly<Record<string, Uint8Array>> | undefined;
  /** Where streams are that are not here any more: id in base64 to the address of a server. */
  readonly moved?: Readonly<Record<string, string>> | undefined;
  /** Answers with `index.html` for every page that is none, in all sites. Default: false. */
  readonly spa?: boolean | undefined;
  /** Shows what is in a folder without `index.html`, in all sites. Default: false. */
  readonly listing?: boolean | undefined;
  /** Most bytes of large values in temporary files, in each process. Default: 4 GiB, half of what is free. */
  readonly temporaryBytes?: number | undefined;
  /** Leads people from the path form on `localhost` to the site's own origin. Default: true. */
  readonly redirects?: boolean | undefined;
};

/** The parts of a server that are made of it. */
export type Operator = {
  readonly app: Partial<AppOptions>;
  readonly listen: Partial<ListenOptions>;
  /** Begins what needs the sockets. @throws {DrayerError} ADDRESS_IN_USE, USAGE */
  start(listener: Listener, streams: OpenStreamSet): Promise<StartedOperator>;
};

/** What runs beside the server. */
export type StartedOperator = {
  /** Where it listens; undefined where nobody asked for it. */
  readonly metricsPort: number | undefined;
  /** Addresses of a site's own port. */
  addressesOf(publicKey: Uint8Array): readonly string[];
  close(): Promise<void>;
};

/** Prepares all of it. @throws {DrayerError} USAGE for what is no proxy's address, CONFIG_INVALID */
export function prepareOperator(
  options: OperatorOptions,
  onError: (error: unknown) => void,
): Operator {
  const { domains, parents, redirects, spa, listing, certificate, dataDir } = options;
  const { temporaryBytes: spoolBytes } = options;
  const proxies = options.behindProxy && parseProxies(options.behindProxy);
  const metrics = options.metricsPort === undefined ? undefined : new Metrics();
  const sitePorts = new Map<number, Uint8Array>();
  const ports =
    options.sitePorts === undefined ? undefined : openSitePorts(dataDir, options.sitePorts);
  const onRequest = watcher({ ...options, proxies, metrics });
  const isDenied = watchKeyList(denyListOf(dataDir), []);
  return {
    app: {
      ...{ domains, parents, redirects, spa, listing, proxies, isDenied, spoolBytes },
      ports: sitePorts,
    },
    listen: {
      proxies,
      certificate,
      sitePorts,
      onRequest,
      onConnection: metrics && ((event) => metrics.countEvent(event)),
      onError,
    },
    start: async (listener, streams) => {
      const site = ports && (await openSites({ listener, streams, ports, onError }));
      const server =
        metrics && (await serveMetrics(options, { metrics, listener, streams, onError }));
      return {
        metricsPort: server?.port,
        addressesOf: (publicKey) => site?.addressesOf(publicKey) ?? [],
        close: async () => {
          site?.stop();
          await server?.close();
        },
      };
    },
  };
}

type Watched = Pick<OperatorOptions, 'accessLog' | 'onAccess' | 'logAddress'> & {
  readonly proxies: AppOptions['proxies'];
  readonly metrics: Metrics | undefined;
};

/** Undefined where nobody wants to know: then no request is watched. */
function watcher(options: Watched): ((seen: SeenRequest) => void) | undefined {
  const { accessLog, onAccess, logAddress: detail, proxies, metrics } = options;
  if (accessLog === undefined && metrics === undefined) return undefined;
  return (seen) => {
    metrics?.countRequest(seen);
    if (accessLog === undefined) return;
    const { address } = clientOf(seen.request, proxies);
    onAccess?.(accessLine({ seen, address, detail }, accessLog));
  };
}

type Beside = {
  readonly listener: Listener;
  readonly streams: OpenStreamSet;
  readonly onError: (error: unknown) => void;
};

function serveMetrics(
  { metricsPort = 0 }: OperatorOptions,
  { metrics, listener, streams, onError }: Beside & { readonly metrics: Metrics },
): Promise<OperatorServer> {
  const gauges = () => ({ connections: listener.connections(), streams: streams.list().length });
  return openOperatorServer({ port: metricsPort, metrics, gauges, onError });
}

/** Opens a port for each site that is hosted, and for those that come. */
async function openSites({
  listener,
  streams,
  ports,
  onError,
}: Beside & { readonly ports: SitePorts }): Promise<{
  addressesOf(publicKey: Uint8Array): readonly string[];
  stop(): void;
}> {
  const opened = new Map<string, readonly string[]>();
  let isStopped = false;
  const openAll = async (): Promise<void> => {
    for (const { id, publicKey } of streams.list()) {
      if (isStopped) return;
      if (opened.has(id)) continue;
      opened.set(id, []);
      try {
        const { addresses } = await ports.open(publicKey, (port) =>
          listener.openSite(publicKey, port),
        );
        opened.set(id, addresses);
      } catch (error) {
        // A port that another program has: the other sites are served all the same.
        onError(error);
      }
    }
  };
  await openAll();
  const stopListening = streams.onList(() => void openAll().catch(onError));
  const stop = (): void => {
    isStopped = true;
    stopListening();
  };
  const idOf = (publicKey: Uint8Array): string => Buffer.from(publicKey).toString('base64');
  return { addressesOf: (publicKey) => opened.get(idOf(publicKey)) ?? [], stop };
}
