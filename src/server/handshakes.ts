/**
 * TLS connections that are no connections yet: who begins a handshake and does not go on with it is to
 * keep nobody from the door. The oldest gives way, one address to itself before it does to others.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Most handshakes under way at once. */
export const MOST_HANDSHAKES = 64;
/** Most of one address; a browser begins six. */
const MOST_OF_ONE = 16;

type Handshake = { readonly socket: Socket; readonly address: string; readonly name: string };

/** Hooks of a {@link Handshakes}. */
export type HandshakeHooks = {
  /** Whether many clients share this address. */
  readonly isShared?: ((address: string) => boolean) | undefined;
  /** Called for each that had to give way. */
  readonly onEvicted: () => void;
};

/** The handshakes of one or more servers. */
export class Handshakes {
  // By address and port of the other end, which the bare and the encrypted socket have in common.
  readonly #open = new Map<string, Handshake>();
  readonly #hooks: HandshakeHooks;

  constructor(hooks: HandshakeHooks) {
    this.#hooks = hooks;
  }

  /** Looks after the handshakes of a TLS server. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.#begin(socket));
    server.on('secureConnection', (socket: Socket) => this.#open.delete(nameOf(socket)));
  }

  #begin(socket: Socket): void {
    const { remoteAddress: address } = socket;
    if (address === undefined) return;
    const name = nameOf(socket);
    const ofOne = [...this.#open.values()].filter((one) => one.address === address);
    const isMany = ofOne.length >= MOST_OF_ONE && !(this.#hooks.isShared?.(address) ?? false);
    const oldest = isMany ? ofOne[0] : this.#oldestOfTooMany();
    if (oldest !== undefined) {
      this.#open.delete(oldest.name);
      oldest.socket.destroy();
      this.#hooks.onEvicted();
    }
    this.#open.set(name, { socket, address, name });
    socket.once('close', () => {
      if (this.#open.get(name)?.socket === socket) this.#open.delete(name);
    });
  }

  #oldestOfTooMany(): Handshake | undefined {
    if (this.#open.size < MOST_HANDSHAKES) return undefined;
    return this.#open.values().next().value;
  }
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
