/** Whether what is sent to a group on a network comes back: two sockets as local discovery has them. */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { GROUP_4, GROUP_6 } from './lan-sockets.ts';
import type { Network } from './networks.ts';

/** Sent so often: a datagram may be lost. */
const SENDS = 3;
const EVERY_MS = 300;

/**
 * Sends to the group of local discovery, on a port of its own, and waits for it.
 *
 * @returns undefined when it came back; otherwise what is wrong, as the system says it
 */
export async function loopMulticast(network: Network): Promise<string | undefined> {
  const { family, address, zone } = network;
  const group = family === 'ipv4' ? GROUP_4 : GROUP_6;
  const of = family === 'ipv4' ? address : `::%${zone}`;
  const make = (): Socket => createSocket({ type: family === 'ipv4' ? 'udp4' : 'udp6' });
  const [receiver, sender] = [make(), make()];
  try {
    await bind(receiver, family === 'ipv4' ? '0.0.0.0' : '::');
    receiver.addMembership(group, of);
    await bind(sender, address);
    sender.setMulticastInterface(of);
    sender.setMulticastTTL(1);
    const { port } = receiver.address();
    const to = family === 'ipv4' ? group : `${group}%${zone}`;
    return await exchange(receiver, sender, { address: to, port });
  } catch (error) {
    if (error instanceof Error && 'code' in error) return error.message;
    throw error;
  } finally {
    receiver.close();
    sender.close();
  }
}

async function exchange(
  receiver: Socket,
  sender: Socket,
  { address, port }: { readonly address: string; readonly port: number },
): Promise<string | undefined> {
  const nonce = randomBytes(16);
  return await new Promise((resolve) => {
    let sent = 0;
    let problem: string | undefined;
    const timer = setInterval(() => (sent < SENDS ? send() : end(problem ?? SILENCE)), EVERY_MS);
    const end = (outcome: string | undefined): void => {
      clearInterval(timer);
      resolve(outcome);
    };
    const send = (): void => {
      sent += 1;
      sender.send(nonce, port, address, (error) => {
        problem = error?.message ?? problem;
      });
    };
    receiver.on('message', (datagram) => {
      if (nonce.equals(datagram)) end(undefined);
    });
    for (const socket of [receiver, sender]) {
      socket.on('error', (error) => {
        problem = error.message;
      });
    }
    send();
  });
}

const SILENCE = 'nothing comes back';

async function bind(socket: Socket, address: string): Promise<void> {
  // Rejects with what `error` says.
  const bound = once(socket, 'listening');
  socket.bind({ port: 0, address });
  await bound;
}
