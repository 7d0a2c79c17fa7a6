/**
 * Where the router describes itself (SSDP). Anybody on the network can answer, and can write any sender's
 * address: what is believed is only a path and a port at the router's own address.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isPeerPort } from '../wire/peer-port.ts';
import type { Way } from './router-gateway.ts';
import type { RouterPlace } from './router-http.ts';

/** Group and port of SSDP. */
const GROUP = '239.255.255.250';
const PORT = 1900;
const MOST_BYTES = 2_048;
/** A router answers within the second that it is given; a datagram may be lost. */
const SENDS_MS = [0, 500, 1_200];
const SEARCH_MS = 2_500;
/** So many places are tried, of one that may all have been made up. */
const MOST_PLACES = 4;

const WANTED = [1, 2].map((v) => `urn:schemas-upnp-org:device:InternetGatewayDevice:${v}`);

/** Where and for how long to search; for a router made for a test. */
export type SsdpSearch = {
  /** UDP port that routers listen on. Default: 1900. */
  readonly port?: number | undefined;
  /** Default: 2,500. */
  readonly ms?: number | undefined;
};

/** Asks everybody, and the router alone; yields each place of the router's that is named. */
export async function* searchRouter(
  { gateway, local }: Way,
  signal: AbortSignal,
  { port = PORT, ms: mostMs = SEARCH_MS }: SsdpSearch = {},
): AsyncGenerator<RouterPlace> {
  const socket = createSocket('udp4');
  const timers: NodeJS.Timeout[] = [];
  const ended = new AbortController();
  const end = (): void => ended.abort();
  try {
    // What goes wrong with a network ends the search, and that is all.
    socket.on('error', end);
    socket.bind(0, local);
    await once(socket, 'listening', { signal });
    socket.setMulticastInterface(local);
    socket.setMulticastTTL(2);
    const send = (): void => {
      for (const target of WANTED) {
        for (const to of [GROUP, gateway]) socket.send(question(target), port, to, () => {});
      }
    };
    const places = placesFrom(socket, gateway, ended.signal);
    for (const ms of SENDS_MS) timers.push(setTimeout(send, ms));
    timers.push(setTimeout(end, mostMs));
    signal.addEventListener('abort', end, { once: true });
    yield* places;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error && 'code' in error)) throw error;
  } finally {
    signal.removeEventListener('abort', end);
    for (const timer of timers) clearTimeout(timer);
    socket.close();
  }
}

/**
 * Reads an answer.
 *
 * @returns undefined unless it names a place on that router, over plain HTTP, on a port where no other service
 *   is likely
 */
export function readPlace(datagram: Uint8Array, gateway: string): RouterPlace | undefined {
  if (datagram.length > MOST_BYTES) return undefined;
  const [first = '', ...lines] = Buffer.from(datagram).toString('latin1').split('\r\n');
  if (!/^HTTP\/1\.[01] 200/.test(first)) return undefined;
  const line = lines.find((one) => /^location:/i.test(one));
  const kind = lines
    .find((one) => /^st:/i.test(one))
    ?.slice(3)
    .trim();
  if (line === undefined || kind === undefined || !WANTED.includes(kind)) return undefined;
  return placeAt(line.slice('location:'.length).trim(), gateway);
}

/** A place out of an address, absolute or beside `base`; undefined unless it is one of the router itself. */
export function placeAt(
  address: string,
  gateway: string,
  base: string = `http://${gateway}/`,
): RouterPlace | undefined {
  if (!URL.canParse(address, base)) return undefined;
  const url = new URL(address, base);
  const port = url.port === '' ? 80 : Number(url.port);
  const isHere = url.protocol === 'http:' && url.hostname === gateway && isPeerPort(port);
  const isPlain = url.username === '' && url.password === '';
  return isHere && isPlain ? { gateway, port, path: `${url.pathname}${url.search}` } : undefined;
}

async function* placesFrom(
  socket: NodeJS.EventEmitter,
  gateway: string,
  signal: AbortSignal,
): AsyncGenerator<RouterPlace> {
  const seen = new Map<string, RouterPlace>();
  const waiting: RouterPlace[] = [];
  let wake = (): void => {};
  socket.on('message', (datagram: Uint8Array, { address }: { readonly address: string }) => {
    const place = address === gateway ? readPlace(datagram, gateway) : undefined;
    if (place === undefined || seen.size >= MOST_PLACES) return;
    const key = `${place.port}${place.path}`;
    if (seen.has(key)) return;
    seen.set(key, place);
    waiting.push(place);
    wake();
  });
  signal.addEventListener('abort', () => wake(), { once: true });
  for (;;) {
    const place = waiting.shift();
    if (place !== undefined) yield place;
    else if (signal.aborted) return;
    else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}

function question(target: string): string {
  const head = `M-SEARCH * HTTP/1.1\r\nHOST: ${GROUP}:${PORT}\r\nMAN: "ssdp:discover"\r\n`;
  return `${head}MX: 1\r\nST: ${target}\r\n\r\n`;
}
