/**
 * The sockets of local discovery (PROTOCOL.md §10): one address and one group for each network that this
 * machine is on, looked at again and again, since networks come and go. Knows nothing of messages.
 *
 * What comes to the group's port comes to the group alone: the sockets are bound to its address, so that
 * nobody beyond a router can send them anything. Answers come to the port that was sent from.
 */
import { createSocket, type RemoteInfo, type Socket, type SocketType } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { type Interfaces, keyOf, listNetworks, type Network, networkOf } from './networks.ts';

/** The original's group; of all addresses, TTL 1. */
export const GROUP_4 = '224.7.130.8';
/** Ours: on the link only, not assigned by anybody; `Drayer` in ASCII. */
export const GROUP_6 = 'ff12::4472:6179:6572';
/** Port of both groups. */
export const LAN_PORT = 15_723;

/** Who sent a datagram, and how. */
export type From = {
  readonly address: string;
  readonly port: number;
  /** To the group, and so to everybody; otherwise to this machine alone. */
  readonly isToAll: boolean;
};

/** What {@link LanSockets} is told. */
export type LanSocketOptions = {
  readonly onDatagram: (datagram: Uint8Array, from: From) => void;
  /** Told when other networks are listened on than before. */
  readonly onNetworks: (networks: readonly Network[]) => void;
  /** Told once when a network can, for longer than a moment, not be listened on. */
  readonly onTrouble?: ((network: Network, error: Error) => void) | undefined;
  /** Time between two looks at the networks, ms; 0 where somebody else says when. Default: 2,000. */
  readonly lookMs?: number | undefined;
  /** Port of the groups. */
  readonly port?: number | undefined;
  /** In the place of `networkInterfaces` of node:os. */
  readonly interfaces?: (() => Interfaces) | undefined;
};

const LOOK_MS = 2_000;
/** Senders whose network is known until the next look at the networks. */
const MOST_SENDERS = 1_024;
const FAILURES = 3;

/** Sends to networks and hears them. */
export class LanSockets {
  readonly #options: LanSocketOptions;
  readonly #links = new Map<string, Link>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #isClosed = false;
  /** How often each network could not be opened, one time after the other. */
  readonly #failures = new Map<string, number>();
  #told = '';
  /** By address, the key of the network it is on: every socket is asked about every datagram. */
  readonly #senders = new Map<string, string | undefined>();

  constructor(options: LanSocketOptions) {
    this.#options = options;
  }

  /** Opens what there is to open, and goes on looking. */
  async open(): Promise<void> {
    await this.look();
    const { lookMs = LOOK_MS } = this.#options;
    if (this.#isClosed || lookMs === 0) return;
    this.#timer = setInterval(() => void this.look(), lookMs);
    this.#timer.unref();
  }

  /** The networks that are listened on. */
  get networks(): readonly Network[] {
    return [...this.#links.values()].map(({ network }) => network);
  }

  /** Looks at the networks now; opens what has come and closes what has gone. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Tells whether that is one of these sockets. */
  isOwn({ address, port }: From): boolean {
    for (const link of this.#links.values()) {
      if (link.network.address === address && link.port === port) return true;
    }
    return false;
  }

  /** Sends to everybody on every network. */
  sendAll(datagram: Uint8Array): void {
    const { port = LAN_PORT } = this.#options;
    for (const link of this.#links.values()) {
      const { network } = link;
      const group = network.family === 'ipv4' ? GROUP_4 : `${GROUP_6}%${network.zone}`;
      send(link, datagram, { address: group, port });
    }
  }

  /** Sends to one, on the network it is on; to nobody elsewhere. */
  sendTo(datagram: Uint8Array, { address, port }: From): void {
    const network = networkOf(address, this.networks);
    const link = network && this.#links.get(keyOf(network));
    if (link !== undefined) send(link, datagram, { address, port });
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#looking;
    for (const link of this.#links.values()) closeLink(link);
    this.#links.clear();
  }

  async #look(): Promise<void> {
    const { interfaces = networkInterfaces } = this.#options;
    const found = new Map(listNetworks(interfaces()).map((network) => [keyOf(network), network]));
    for (const [key, link] of this.#links) {
      if (found.has(key) && !link.isBroken) continue;
      closeLink(link);
      this.#links.delete(key);
    }
    for (const key of this.#failures.keys()) if (!found.has(key)) this.#failures.delete(key);
    for (const [key, network] of found) {
      if (this.#links.has(key) || this.#isClosed) continue;
      const link = await this.#openLink(network);
      if (link !== undefined) this.#links.set(key, link);
    }
    this.#senders.clear();
    const now = [...this.#links.keys()].join();
    if (now === this.#told || this.#isClosed) return;
    this.#told = now;
    this.#options.onNetworks(this.networks);
  }

  async #openLink(network: Network): Promise<Link | undefined> {
    const { port = LAN_PORT } = this.#options;
    const type: SocketType = network.family === 'ipv4' ? 'udp4' : 'udp6';
    const make = (): Socket =>
      createSocket({ type, reuseAddr: true, ipv6Only: network.family === 'ipv6' });
    const [receiver, sender] = [make(), make()];
    const link: Link = { network, receiver, sender, port: 0, isBroken: false };
    try {
      await bind(receiver, port, groupAddress(network));
      receiver.addMembership(groupOf(network), interfaceOf(network));
      await bind(sender, 0, network.address);
      link.port = sender.address().port;
      sender.setMulticastInterface(interfaceOf(network));
      sender.setMulticastTTL(1);
      // For other programs on this machine; what is ours is known by its port.
      sender.setMulticastLoopback(true);
    } catch (error) {
      closeLink(link);
      this.#fail(network, error);
      return undefined;
    }
    this.#failures.delete(keyOf(network));
    this.#listen(link);
    return link;
  }

  #networkKeyOf(address: string): string | undefined {
    if (this.#senders.has(address)) return this.#senders.get(address);
    const network = networkOf(address, this.networks);
    const key = network && keyOf(network);
    if (this.#senders.size >= MOST_SENDERS) this.#senders.clear();
    this.#senders.set(address, key);
    return key;
  }

  /** What the system says; a network that is just coming or going says something for a moment. */
  #fail(network: Network, error: unknown): void {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    const failures = (this.#failures.get(keyOf(network)) ?? 0) + 1;
    this.#failures.set(keyOf(network), failures);
    if (failures === FAILURES) this.#options.onTrouble?.(network, error);
  }

  #listen(link: Link): void {
    const key = keyOf(link.network);
    const told = (isToAll: boolean) => (datagram: Buffer, info: RemoteInfo) => {
      const address = info.address.split('%', 1).join();
      // Also, a socket hears what comes for the group on other networks.
      if (this.#networkKeyOf(address) !== key) return;
      this.#options.onDatagram(datagram, { address, port: info.port, isToAll });
    };
    link.receiver.on('message', told(true));
    link.sender.on('message', told(false));
    for (const socket of [link.receiver, link.sender]) {
      socket.on('error', () => {
        // Opened anew at the next look, if there is still a network.
        link.isBroken = true;
      });
    }
  }
}

/** A network that is listened on. */
type Link = {
  readonly network: Network;
  /** Hears the group. */
  readonly receiver: Socket;
  /** Sends, and hears answers. */
  readonly sender: Socket;
  /** Of the sender; to ask the system at every datagram is dear. */
  port: number;
  isBroken: boolean;
};

function groupOf({ family }: Network): string {
  return family === 'ipv4' ? GROUP_4 : GROUP_6;
}

/** The group as an address of one interface. Windows cannot bind to a group. */
function groupAddress(network: Network): string | undefined {
  if (process.platform === 'win32') return undefined;
  return network.family === 'ipv4' ? GROUP_4 : `${GROUP_6}%${network.zone}`;
}

function interfaceOf({ family, address, zone }: Network): string {
  return family === 'ipv4' ? address : `::%${zone}`;
}

function send(
  link: Link,
  datagram: Uint8Array,
  { address, port }: { readonly address: string; readonly port: number },
): void {
  link.sender.send(datagram, port, address, (error) => {
    // A network that goes away, most likely: opened anew at the next look, if it is still there.
    if (error !== null) link.isBroken = true;
  });
}

async function bind(socket: Socket, port: number, address: string | undefined): Promise<void> {
  // Rejects with what `error` says.
  const bound = once(socket, 'listening');
  socket.bind({ port, ...(address === undefined ? {} : { address }) });
  await bound;
}

function closeLink({ receiver, sender }: Link): void {
  for (const socket of [receiver, sender]) {
    // What is still under way there interests nobody.
    socket.removeAllListeners();
    socket.on('error', () => {});
    socket.close();
  }
}
