/**
 * The sockets of multicast DNS: one on each network, at the port that other programs of this machine share.
 * Nothing comes to them but what is for the group, where the system can tell; what is for the machine alone
 * is for its own resolver.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { type Interfaces, keyOf, listNetworks, type Network, networkOf } from './networks.ts';

/** What {@link NameSockets} is told. */
export type NameSocketOptions = {
  /** UDP port of the group. Default: 5353. */
  readonly port?: number | undefined;
  /** What `networkInterfaces` of node:os returns. */
  readonly interfaces?: (() => Interfaces) | undefined;
  /** Between two looks at the networks, ms; 0 where somebody else says when. Default: 2,000. */
  readonly lookMs?: number | undefined;
  readonly onDatagram: (datagram: Uint8Array, from: NameSender) => void;
  /** There is another network than before, or one less. */
  readonly onNetworks: () => void;
  /** Told once what keeps it from listening on a network. */
  readonly onTrouble: (network: Network, cause: Error) => void;
};

/** Who has sent a datagram. */
export type NameSender = {
  readonly address: string;
  readonly port: number;
  readonly network: Network;
  /** It is this machine, in whatever program. */
  readonly isOwn: boolean;
};

type Link = { readonly network: Network; readonly socket: Socket; isBroken: boolean };

const PORT = 5_353;
const GROUP_4 = '224.0.0.251';
const GROUP_6 = 'ff02::fb';
const LOOK_MS = 2_000;
/** So many looks that fail in a row are told. */
const FAILURES = 3;

/** Sockets on every network, also those that come later. */
export class NameSockets {
  readonly #options: NameSocketOptions;
  readonly #port: number;
  #links: Link[] = [];
  readonly #failures = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #isClosed = false;
  /** All addresses of this machine, link-local ones too. */
  #own = new Set<string>();

  constructor(options: NameSocketOptions) {
    this.#options = options;
    this.#port = options.port ?? PORT;
  }

  /** Those that are listened on. */
  get networks(): readonly Network[] {
    return this.#links.map(({ network }) => network);
  }

  async open(): Promise<void> {
    await this.#look();
    const { lookMs = LOOK_MS } = this.#options;
    if (lookMs === 0) return;
    this.#timer = setInterval(() => this.look(), lookMs);
    this.#timer.unref();
  }

  /** Looks at the networks now. */
  look(): void {
    if (this.#isClosed) return;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
  }

  /** Sends to everybody on a network, or to one who has asked; resolves when it has gone. */
  async send(
    network: Network,
    datagram: Uint8Array,
    to?: { readonly address: string; readonly port: number },
  ): Promise<void> {
    const link = this.#links.find((one) => keyOf(one.network) === keyOf(network));
    if (link === undefined) return;
    const group = network.family === 'ipv4' ? GROUP_4 : GROUP_6;
    const { address, port } = to ?? { address: group, port: this.#port };
    await new Promise<void>((resolve) => {
      link.socket.send(datagram, port, address, (error) => {
        // A network that goes away, most likely; opened anew at the next look.
        if (error !== null) link.isBroken = true;
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#looking;
    for (const { socket } of this.#links.splice(0)) closeSocket(socket);
  }

  async #look(): Promise<void> {
    const interfaces = (this.#options.interfaces ?? networkInterfaces)();
    const all = Object.values(interfaces).flatMap((some = []) => some);
    this.#own = new Set(all.map(({ address }) => address));
    const present = new Map(listNetworks(interfaces).map((one) => [keyOf(one), one]));
    const before = this.#links.length;
    const gone = this.#links.filter(({ network, isBroken }) => {
      return isBroken || !present.has(keyOf(network));
    });
    for (const { socket } of gone) closeSocket(socket);
    this.#links = this.#links.filter((link) => !gone.includes(link));
    const known = new Set(this.#links.map(({ network }) => keyOf(network)));
    for (const [key, network] of present) if (!known.has(key)) await this.#open(network);
    if (gone.length > 0 || this.#links.length !== before) this.#options.onNetworks();
  }

  async #open(network: Network): Promise<void> {
    const isFour = network.family === 'ipv4';
    const socket = createSocket({
      type: isFour ? 'udp4' : 'udp6',
      reuseAddr: true,
      ipv6Only: !isFour,
    });
    try {
      const at = isFour ? network.address : `::%${network.zone}`;
      const bound = once(socket, 'listening');
      socket.bind({ port: this.#port, ...groupAddress(network) });
      await bound;
      socket.addMembership(isFour ? GROUP_4 : GROUP_6, at);
      socket.setMulticastInterface(at);
      socket.setMulticastTTL(255);
      // For the resolver of this machine.
      socket.setMulticastLoopback(true);
    } catch (error) {
      closeSocket(socket);
      this.#fail(network, error);
      return;
    }
    this.#failures.delete(keyOf(network));
    const link: Link = { network, socket, isBroken: false };
    socket.on('message', (datagram, info) => this.#hear(link, datagram, info));
    socket.on('error', () => {
      link.isBroken = true;
    });
    if (this.#isClosed) closeSocket(socket);
    else this.#links.push(link);
  }

  /** A socket hears what comes for the group on other networks too; what is from beyond a router is nobody's. */
  #hear({ network }: Link, datagram: Uint8Array, info: RemoteInfo): void {
    const address = info.address.split('%', 1).join();
    const isHere =
      network.family === 'ipv6' && address.startsWith('fe80:')
        ? info.address.endsWith(`%${network.zone}`)
        : keyOf(networkOf(address, this.networks) ?? network) === keyOf(network) &&
          networkOf(address, [network]) !== undefined;
    if (!isHere) return;
    const isOwn = this.#own.has(address);
    const { address: whole, port } = info;
    this.#options.onDatagram(datagram, { address: whole, port, network, isOwn });
  }

  #fail(network: Network, error: unknown): void {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    const failures = (this.#failures.get(keyOf(network)) ?? 0) + 1;
    this.#failures.set(keyOf(network), failures);
    if (failures === FAILURES) this.#options.onTrouble(network, error);
  }
}

/** Linux sends from the machine's address all the same; others cannot be bound to a group and send. */
function groupAddress({ family, zone }: Network): { readonly address?: string } {
  if (process.platform !== 'linux') return {};
  return { address: family === 'ipv4' ? GROUP_4 : `${GROUP_6}%${zone}` };
}

function closeSocket(socket: Socket): void {
  socket.removeAllListeners();
  socket.on('error', () => {});
  socket.close();
}
