/**
 * NAT-PMP (RFC 6886): asks the router in datagrams of a few bytes. The socket is connected, so that the
 * system drops what does not come from the router's own address and port.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Way } from './router-gateway.ts';
import {
  type Mapped,
  type MapWish,
  misbehaved,
  type RouterMapper,
  refused,
  unanswered,
} from './router-mapper.ts';

const PORT = 5351;
const ASK_ADDRESS = 0;
const ASK_TCP = 2;
const IS_ANSWER = 128;
/** RFC 6886 §3.1 goes on for a minute; a router on this network has answered long before. */
const WAITS_MS = [250, 500, 1_000];

const REASONS = new Map([
  [1, 'it speaks another version of NAT-PMP'],
  [2, 'NAT-PMP is switched off there'],
  [3, 'it has no address at the outside itself'],
  [4, 'it has no port left'],
  [5, 'it does not know what was asked'],
]);

/**
 * Finds out whether the router at the end of `way` speaks NAT-PMP; nothing is opened by that.
 *
 * @param port - where routers listen
 * @throws {DrayerError} UNREACHABLE when it does not, ROUTER_REFUSED when it may not
 */
export async function findPmp(
  { gateway }: Pick<Way, 'gateway'>,
  signal: AbortSignal,
  port: number = PORT,
): Promise<RouterMapper> {
  const mapper = pmpMapper({ gateway, port });
  await mapper.outsideAddress(signal);
  return mapper;
}

function pmpMapper(router: PmpRouter): RouterMapper {
  const { gateway } = router;
  let mapped: number | undefined;
  return {
    name: 'NAT-PMP',
    map: async (wish, signal) => {
      // Before it is asked: it may do so, and its answer be lost.
      mapped = wish.port;
      return readMapped(await ask(router, mapRequest(wish), signal), wish, gateway);
    },
    unmap: async (signal) => {
      if (mapped === undefined) return;
      const request = mapRequest({ port: mapped, outsidePort: 0, leaseS: 0 });
      await ask(router, request, signal);
      mapped = undefined;
    },
    outsideAddress: async (signal) => {
      const answer = await ask(router, Uint8Array.of(0, ASK_ADDRESS), signal);
      if (answer.length < 12) throw misbehaved(gateway, `${answer.length} bytes`);
      const address = answer.subarray(8, 12).join('.');
      return address === '0.0.0.0' ? undefined : address;
    },
  };
}

function mapRequest({ port, outsidePort, leaseS }: MapWish): Uint8Array {
  const request = Buffer.alloc(12);
  request.writeUInt8(ASK_TCP, 1);
  request.writeUInt16BE(port, 4);
  request.writeUInt16BE(outsidePort, 6);
  request.writeUInt32BE(leaseS, 8);
  return request;
}

function readMapped(answer: Buffer, { port }: MapWish, gateway: string): Mapped {
  if (answer.length < 16) throw misbehaved(gateway, `${answer.length} bytes`);
  const [inside, outsidePort] = [answer.readUInt16BE(8), answer.readUInt16BE(10)];
  if (inside !== port) throw misbehaved(gateway, `port ${inside} for port ${port}`);
  const leaseS = answer.readUInt32BE(12);
  if (outsidePort === 0 || leaseS === 0) {
    throw misbehaved(gateway, `port ${outsidePort} for ${leaseS} s`);
  }
  return { outsidePort, leaseS };
}

type PmpRouter = { readonly gateway: string; readonly port: number };

/** Sends until there is an answer to just that. */
async function ask(router: PmpRouter, request: Uint8Array, signal: AbortSignal): Promise<Buffer> {
  signal.throwIfAborted();
  const socket = createSocket('udp4');
  try {
    socket.connect(router.port, router.gateway);
    await once(socket, 'connect', { signal });
    const answer = await answerOf(socket, request, signal);
    if (answer === undefined) throw unanswered(router.gateway, 'NAT-PMP');
    const code = answer.readUInt16BE(2);
    if (code === 0) return answer;
    throw refused(router.gateway, REASONS.get(code) ?? `NAT-PMP error ${code}`);
  } finally {
    socket.close();
  }
}

/** Undefined where there is none, or nobody listens there. */
function answerOf(
  socket: Socket,
  request: Uint8Array,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let timer: NodeJS.Timeout | undefined;
    const end = (answer: Buffer | undefined): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(answer);
    };
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const send = (): void => {
      const waitMs = WAITS_MS[sent];
      if (waitMs === undefined) {
        end(undefined);
        return;
      }
      sent += 1;
      timer = setTimeout(send, waitMs);
      // What goes wrong comes as `error`.
      socket.send(request);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', () => end(undefined));
    socket.on('message', (answer) => {
      const isIt = answer[0] === 0 && answer[1] === IS_ANSWER + (request[1] ?? 0);
      if (isIt && answer.length >= 8) end(answer);
    });
    send();
  });
}
