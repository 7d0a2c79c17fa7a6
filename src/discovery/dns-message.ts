/**
 * Messages of multicast DNS (RFC 1035, RFC 6762), read and written. Anybody on the network sends them, so
 * reading builds little, goes round in no circle, and gives nothing for what is not whole. Pure.
 */

/** What is asked. */
export type DnsQuestion = {
  /** Lower case, labels with dots between; a dot in a label is `\.`. */
  readonly name: string;
  readonly type: number;
  /** The answer may come to the asker alone. */
  readonly isUnicast?: boolean | undefined;
};

/** What is said. */
export type DnsRecord = {
  readonly name: string;
  readonly type: number;
  /** It is all there is of this name and type. */
  readonly isUnique?: boolean | undefined;
  /** s; 0 takes it back. */
  readonly ttl: number;
  /** As it is on the wire, names in it written out. */
  readonly data: Uint8Array;
};

/** A message. */
export type DnsMessage = {
  readonly id?: number | undefined;
  readonly isResponse: boolean;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  /** What who asks wants to say himself (RFC 6762 §8.2). */
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
};

/** Types of records that we speak of. */
export const DNS = { a: 1, ptr: 12, txt: 16, aaaa: 28, srv: 33, nsec: 47, any: 255 } as const;

/** Longest message (RFC 6762 §17). */
const MOST_BYTES = 9_000;
const MOST_ENTRIES = 256;
const MOST_NAME = 255;
const INTERNET = 1;
const TOP_BIT = 0x8000;
const RESPONSE = 0x8400;

/** Reads a message; undefined for what is none, or not whole. */
export function readDnsMessage(bytes: Uint8Array): DnsMessage | undefined {
  if (bytes.length < 12 || bytes.length > MOST_BYTES) return undefined;
  try {
    return new Reader(bytes).message();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Writes a message, without compression. */
export function writeDnsMessage(message: DnsMessage): Uint8Array {
  const { id = 0, isResponse, questions, answers, authorities, additionals } = message;
  const parts: Uint8Array[] = [
    words(id, isResponse ? RESPONSE : 0, questions.length, answers.length),
    words(authorities.length, additionals.length),
  ];
  for (const { name, type, isUnicast } of questions) {
    parts.push(writeDnsName(name), words(type, INTERNET | (isUnicast ? TOP_BIT : 0)));
  }
  for (const { name, type, isUnique, ttl, data } of [...answers, ...authorities, ...additionals]) {
    parts.push(writeDnsName(name), words(type, INTERNET | (isUnique ? TOP_BIT : 0)));
    parts.push(words(ttl >>> 16, ttl & 0xffff, data.length), data);
  }
  return Buffer.concat(parts);
}

/** Writes a name. Its labels are at most 63 bytes of UTF-8. */
export function writeDnsName(name: string): Uint8Array {
  const labels = name.split(/(?<!\\)\./).map((label) => Buffer.from(label.replace(/\\\./g, '.')));
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.of(label.length), label]),
    Buffer.of(0),
  ]);
}

/** Throws RangeError where it goes beyond the end, or round and round. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  message(): DnsMessage {
    const [id, flags] = [this.#word(), this.#word()];
    const counts = [this.#word(), this.#word(), this.#word(), this.#word()];
    const [questions = 0, answers = 0, authorities = 0, additionals = 0] = counts;
    if (counts.reduce((sum, n) => sum + n, 0) > MOST_ENTRIES) throw new RangeError('too many');
    return {
      id,
      isResponse: (flags & TOP_BIT) !== 0,
      questions: this.#many(questions, () => this.#question()),
      answers: this.#many(answers, () => this.#record()),
      authorities: this.#many(authorities, () => this.#record()),
      additionals: this.#many(additionals, () => this.#record()),
    };
  }

  #many<T>(count: number, read: () => T): T[] {
    return Array.from({ length: count }, read);
  }

  #question(): DnsQuestion {
    const name = this.#name();
    const [type, kind] = [this.#word(), this.#word()];
    return { name, type, isUnicast: (kind & TOP_BIT) !== 0 };
  }

  #record(): DnsRecord {
    const name = this.#name();
    const [type, kind] = [this.#word(), this.#word()];
    const ttl = this.#word() * 0x1_0000 + this.#word();
    const end = this.#word() + this.#at;
    if (end > this.#bytes.length) throw new RangeError('beyond the end');
    const data = this.#data(type, end);
    this.#at = end;
    return { name, type, isUnique: (kind & TOP_BIT) !== 0, ttl, data };
  }

  /** Names in the data of these types may be compressed. */
  #data(type: number, end: number): Uint8Array {
    if (type === DNS.ptr) return writeDnsName(this.#name());
    if (type === DNS.srv) {
      const head = this.#bytes.subarray(this.#at, this.#at + 6);
      this.#at += 6;
      return Buffer.concat([head, writeDnsName(this.#name())]);
    }
    return Uint8Array.from(this.#bytes.subarray(this.#at, end));
  }

  #name(): string {
    const labels: string[] = [];
    let at = this.#at;
    let end: number | undefined;
    let length = 0;
    for (;;) {
      const size = this.#byte(at);
      if (size >= 0xc0) {
        const target = ((size & 0x3f) << 8) | this.#byte(at + 1);
        end ??= at + 2;
        // Only ever further to the front.
        if (target >= at) throw new RangeError('a name that goes round');
        at = target;
      } else if (size > 63) {
        throw new RangeError('an unknown kind of label');
      } else if (size === 0) {
        this.#at = end ?? at + 1;
        return labels.join('.');
      } else {
        length += size + 1;
        if (length > MOST_NAME || at + 1 + size > this.#bytes.length) {
          throw new RangeError('beyond the end');
        }
        const label = this.#bytes.toString('utf8', at + 1, at + 1 + size);
        labels.push(label.toLowerCase().replaceAll('.', '\\.'));
        at += size + 1;
      }
    }
  }

  #byte(at: number): number {
    return this.#bytes.readUInt8(at);
  }

  #word(): number {
    const word = this.#bytes.readUInt16BE(this.#at);
    this.#at += 2;
    return word;
  }
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}
