/**
 * A machine that says all the time, with the signed words of somebody else, that it has his stream; who asks
 * it for anything is kept waiting. `lan-liar-child.ts ADDRESS…`: prints `listening`, then `lying`.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { GROUP_4, LAN_PORT } from '../../src/discovery/lan-sockets.ts';
import { decodeDatagram } from '../../src/wire/datagram.ts';

const EVERY_MS = 10;
const addresses = process.argv.slice(2);
const mouths = addresses.map((address) => {
  const socket = createSocket('udp4');
  socket.bind(0, address, () => socket.setMulticastInterface(address));
  return socket;
});
let stolen: Uint8Array | undefined;

const ear = createSocket({ type: 'udp4', reuseAddr: true });
ear.on('message', (datagram) => {
  const message = decodeDatagram(datagram);
  if (stolen !== undefined || message?.kind !== 'record' || message.record === undefined) return;
  stolen = datagram;
  setInterval(() => {
    for (const mouth of mouths) mouth.send(datagram, LAN_PORT, GROUP_4);
  }, EVERY_MS);
  console.log('lying');
});
ear.bind(LAN_PORT, GROUP_4, () => {
  ear.addMembership(GROUP_4, addresses[0]);
  createServer(() => {}).listen(33_125, '0.0.0.0', () => console.log('listening'));
});
