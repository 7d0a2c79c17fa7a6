/** What is said of a name on one network: where it is, what is there, and what there is not. Pure. */
import { isIPv6 } from 'node:net';
import { DNS, type DnsRecord, writeDnsName } from './dns-message.ts';
import type { Network } from './networks.ts';

/** A service under a name. */
export type NamedService = {
  /** Such as `_http._tcp`. */
  readonly kind: string;
  readonly port: number;
  /** `key=value`, at most 255 bytes each. */
  readonly facts: readonly string[];
};

/** What is said, the part that has to be ours alone in front. */
export type NameRecords = {
  readonly host: string;
  readonly instance: string;
  /** Nobody else may say anything of these names. */
  readonly unique: readonly DnsRecord[];
  /** Others say the same of themselves. */
  readonly shared: readonly DnsRecord[];
};

const HOST_TTL = 120;
const OTHER_TTL = 4_500;
const SERVICES = '_services._dns-sd._udp.local';

/** Makes the records of a label, with the addresses that this machine has where it is said. */
export function recordsOf(
  label: string,
  { kind, port, facts }: NamedService,
  addresses: readonly Network[],
): NameRecords {
  const host = `${label}.local`;
  const type = `${kind}.local`;
  const instance = `${label}.${type}`;
  const texts = facts.length === 0 ? [Buffer.of(0)] : facts.map(characterString);
  const hosts = addresses.map(({ address, family }): DnsRecord => {
    const data = addressBytes(address);
    const what = family === 'ipv4' ? DNS.a : DNS.aaaa;
    return { name: host, type: what, isUnique: true, ttl: HOST_TTL, data };
  });
  const types = [...new Set(hosts.map((record) => record.type))].sort((a, b) => a - b);
  return {
    host,
    instance,
    unique: [
      ...hosts,
      { ...one(instance, DNS.srv, serviceData(port, host)), ttl: HOST_TTL },
      one(instance, DNS.txt, Buffer.concat(texts)),
      { ...one(host, DNS.nsec, nothingBut(host, types)), ttl: HOST_TTL },
    ],
    shared: [
      { name: type, type: DNS.ptr, ttl: OTHER_TTL, data: writeDnsName(instance) },
      { name: SERVICES, type: DNS.ptr, ttl: OTHER_TTL, data: writeDnsName(type) },
    ],
  };
}

function one(name: string, type: number, data: Uint8Array): DnsRecord {
  return { name, type, isUnique: true, ttl: OTHER_TTL, data };
}

function serviceData(port: number, host: string): Uint8Array {
  return Buffer.concat([Buffer.of(0, 0, 0, 0, port >> 8, port & 0xff), writeDnsName(host)]);
}

function characterString(text: string): Uint8Array {
  const bytes = Buffer.from(text).subarray(0, 255);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

/** That a name has these types and no others (RFC 6762 §6.1): who asks for another one need not wait. */
function nothingBut(name: string, types: readonly number[]): Uint8Array {
  const last = types.at(-1) ?? 0;
  const bits = Buffer.alloc(1 + (last >> 3));
  for (const type of types) bits[type >> 3] = (bits[type >> 3] ?? 0) | (0x80 >> (type & 7));
  return Buffer.concat([writeDnsName(name), Buffer.of(0, bits.length), bits]);
}

function addressBytes(address: string): Uint8Array {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::', 2);
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const middle = tail === undefined ? 0 : 8 - front.length - back.length;
  const all = [...front, ...Array.from({ length: middle }, () => 0), ...back];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
