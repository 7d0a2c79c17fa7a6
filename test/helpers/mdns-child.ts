/**
 * Asks for names as any other machine does, by a reader and writer of its own: nothing here is ours but the
 * sockets of Node. Prints `NAME TYPE TTL DATA` for each record it hears, and takes lines on stdin:
 *
 *   ask NAME TYPE          to everybody, from the port of the protocol
 *   plain NAME TYPE        as a resolver that knows nothing of multicast: from a port of its own
 *   flood COUNT SEED       nonsense, and messages that are nearly right; prints `flooded` when it is sent
 *   claim NAME ADDRESS     says that the name is that address
 */
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';

const PORT = 5_353;
const GROUP = '224.0.0.251';
const GROUP_6 = 'ff02::fb';
const TYPES: Readonly<Record<string, number>> = {
  A: 1,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  ANY: 255,
};
const [address = ''] = process.argv.slice(2);

const main = createSocket({ type: 'udp4', reuseAddr: true });
main.on('message', hear);
main.bind(PORT, GROUP, () => {
  main.addMembership(GROUP, address);
  main.setMulticastInterface(address);
  main.setMulticastTTL(255);
  console.log('ready');
});
const zone = process.argv[3];
const six = zone === undefined ? undefined : createSocket({ type: 'udp6', reuseAddr: true });
six?.on('message', hear);
six?.bind(PORT, `${GROUP_6}%${zone}`, () => {
  six.addMembership(GROUP_6, `::%${zone}`);
  six.setMulticastInterface(`::%${zone}`);
  six.setMulticastTTL(255);
});
const plain = createSocket('udp4').on('message', hear).bind(0, address);

createInterface({ input: process.stdin }).on('line', (line) => {
  const [what, name = '', type = ''] = line.split(' ');
  if (what === 'ask') main.send(question(name, type), PORT, GROUP);
  else if (what === 'ask6') six?.send(question(name, type), PORT, `${GROUP_6}%${zone}`);
  else if (what === 'plain') plain.send(question(name, type), PORT, GROUP);
  else if (what === 'claim') main.send(claim(name, type), PORT, GROUP);
  else void flood(Number(name), Number(type));
});

function question(name: string, type: string): Buffer {
  return Buffer.concat([head(0x1234, 0, 1, 0), nameOf(name), word(TYPES[type] ?? 0), word(1)]);
}

function claim(name: string, ip: string): Buffer {
  const data = Buffer.from(ip.split('.').map(Number));
  const record = [nameOf(name), word(1), word(0x8001), word(0), word(120), word(4), data];
  return Buffer.concat([head(0, 0x8400, 0, 1), ...record]);
}

function head(id: number, flags: number, questions: number, answers: number): Buffer {
  return Buffer.concat([id, flags, questions, answers, 0, 0].map(word));
}

function word(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}

function nameOf(name: string): Buffer {
  const labels = name.split('.').flatMap((label) => [Buffer.of(label.length), Buffer.from(label)]);
  return Buffer.concat([...labels, Buffer.of(0)]);
}

/** Its own nonsense comes back to it. */
function hear(message: Buffer): void {
  try {
    print(message);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}

/** Records of all sections, one a line. */
function print(message: Buffer): void {
  const counts = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  if (message.readUInt16BE(2) < 0x8000) return;
  let at = 12;
  for (let i = 0; i < (counts[0] ?? 0); i += 1) at = read(message, at).end + 4;
  const records = (counts[1] ?? 0) + (counts[2] ?? 0) + (counts[3] ?? 0);
  for (let i = 0; i < records; i += 1) {
    const { text, end } = read(message, at);
    const type = message.readUInt16BE(end);
    const size = message.readUInt16BE(end + 8);
    const data = dataOf(message, type, end + 10, size);
    console.log(`${text} ${type} ${message.readUInt32BE(end + 4)} ${data}`);
    at = end + 10 + size;
  }
}

function dataOf(message: Buffer, type: number, at: number, size: number): string {
  if (type === 1) return message.subarray(at, at + 4).join('.');
  if (type === 12) return read(message, at).text;
  if (type === 33) return `${message.readUInt16BE(at + 4)} ${read(message, at + 6).text}`;
  return message.subarray(at, at + size).toString('hex');
}

function read(message: Buffer, from: number): { text: string; end: number } {
  const labels: string[] = [];
  let at = from;
  for (;;) {
    const size = message.readUInt8(at);
    if (size === 0) return { text: labels.join('.'), end: at + 1 };
    if (size >= 0xc0) {
      const rest = read(message, message.readUInt16BE(at) & 0x3fff);
      return { text: [...labels, rest.text].join('.'), end: at + 2 };
    }
    labels.push(message.toString('utf8', at + 1, at + 1 + size));
    at += size + 1;
  }
}

async function flood(count: number, seed: number): Promise<void> {
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const good = [
    question('blog.local', 'ANY'),
    question('_http._tcp.local', 'PTR'),
    claim('x.local', '1.2.3.4'),
  ];
  for (let sent = 0; sent < count; sent += 1) {
    const base = good[random(good.length)] ?? Buffer.of(0);
    const packet = random(4) === 0 ? Buffer.alloc(random(1_400), random(256)) : Buffer.from(base);
    for (let i = random(6); i > 0 && packet.length > 0; i -= 1)
      packet[random(packet.length)] = random(256);
    // Names that point at themselves, and at what is not there.
    if (random(5) === 0 && packet.length > 14) packet.writeUInt16BE(0xc000 | random(40), 12);
    const cut = random(8) === 0 ? packet.subarray(0, random(packet.length + 1)) : packet;
    await new Promise((resolve) => main.send(cut, PORT, GROUP, resolve));
  }
  console.log('flooded');
}
