/**
 * Names on the local networks (multicast DNS, RFC 6762): each is probed for before it is used; where another
 * machine has it, ours gets a number. Answers what is asked of our names and nothing else; what others say
 * of theirs is of no interest.
 */
import { DrayerError } from '../core/errors.ts';
import {
  DNS,
  type DnsMessage,
  type DnsRecord,
  readDnsMessage,
  writeDnsMessage,
} from './dns-message.ts';
import { Limiter } from './limiter.ts';
import { NameClaim } from './name-claim.ts';
import type { NamedService } from './name-records.ts';
import { type NameSender, type NameSocketOptions, NameSockets } from './name-sockets.ts';
import { keyOf, type Network } from './networks.ts';

/** What {@link Names} is told. */
export type NamesOptions = Pick<NameSocketOptions, 'interfaces' | 'lookMs' | 'port'> & {
  /** A name is ours from now on, such as `blog.local`; undefined: no more. */
  readonly onName: (id: string, host: string | undefined) => void;
  readonly onProblem?: ((problem: DrayerError) => void) | undefined;
  /** Between two probes, ms. Default: 250, as it has to be among others. */
  readonly probeMs?: number | undefined;
};

/** Datagrams that are read: of one sender, and in all. */
const READ_OF_ONE = { burst: 100, everyMs: 20 };
const READ_OF_ALL = { burst: 400, everyMs: 4 };
/** Answers on one network; and to one who wants it for himself alone. */
const ANSWERS = { burst: 20, everyMs: 50 };
const OWN_ANSWERS = { burst: 4, everyMs: 250 };
const ALL = 'all';
const MDNS_PORT = 5_353;
const PIECE_BYTES = 1_200;
/** Of a record, besides its name and data, and of the name itself. */
const HEAD_BYTES = 16;
/** An answer to who is no multicast resolver is not to be kept for long (RFC 6762 §6.7). */
const LEGACY_TTL = 10;

/** Speaks for names. Opened by {@link Names.open}, closed by {@link Names.stop}. */
export class Names {
  readonly #options: NamesOptions;
  readonly #sockets: NameSockets;
  readonly #port: number;
  readonly #claims = new Map<string, NameClaim>();
  readonly #reads = new Limiter(READ_OF_ONE, now);
  readonly #allReads = new Limiter(READ_OF_ALL, now);
  readonly #answers = new Limiter(ANSWERS, now);
  readonly #ownAnswers = new Limiter(OWN_ANSWERS, now);
  #isOpen = false;

  constructor(options: NamesOptions) {
    this.#options = options;
    this.#port = options.port ?? MDNS_PORT;
    this.#sockets = new NameSockets({
      ...options,
      onDatagram: (datagram, from) => this.#hear(datagram, from),
      onNetworks: () => {
        for (const claim of this.#claims.values()) claim.begin();
      },
      onTrouble: ({ name, address }, cause) => {
        const message = `${name} (${address}): names cannot be spoken for: ${cause.message}`;
        const hint = 'another program may hold UDP port 5353 for itself alone; all else goes on';
        options.onProblem?.(new DrayerError('ADDRESS_IN_USE', message, { cause, hint }));
      },
    });
  }

  /** Speaks and listens from now on. */
  async open(): Promise<void> {
    this.#isOpen = true;
    await this.#sockets.open();
  }

  /** Looks at the networks now. */
  look(): void {
    this.#sockets.look();
  }

  /**
   * Wants a name for a service; it is told when it is ours. What an id has already stays.
   *
   * @param label - of {@link labelOf}
   */
  put(id: string, label: string, service: NamedService): void {
    if (this.#claims.has(id)) return;
    const claim = new NameClaim(label, service, {
      probeMs: this.#options.probeMs,
      send: (make) => void this.#sendAll(make),
      addressesOn: (network) => this.#addressesOn(network),
      isOwn: (wanted) =>
        [...this.#claims].some(([other, one]) => other !== id && one.label === wanted),
      onName: (host) => this.#options.onName(id, host),
      onGiveUp: (reason) => {
        const message = `${label}.local: ${reason}`;
        this.#options.onProblem?.(new DrayerError('CONFLICT', message));
      },
    });
    this.#claims.set(id, claim);
    if (this.#isOpen) claim.begin();
  }

  /** Wants it no longer; others are told. */
  async remove(id: string): Promise<void> {
    const claim = this.#claims.get(id);
    this.#claims.delete(id);
    await this.#sayGoodbye(claim);
  }

  /** Says goodbye for all names. Idempotent. */
  async stop(): Promise<void> {
    this.#isOpen = false;
    const claims = [...this.#claims.values()];
    this.#claims.clear();
    await Promise.all(claims.map((claim) => this.#sayGoodbye(claim)));
    await this.#sockets.close();
  }

  async #sayGoodbye(claim: NameClaim | undefined): Promise<void> {
    if (claim?.end() !== true) return;
    await this.#sendAll((network) => {
      const { unique, shared } = claim.recordsOn(network);
      // Of what is shared only the first is ours: others have services of the kind too.
      const gone = [...unique, ...shared.slice(0, 1)].map((record) => ({ ...record, ttl: 0 }));
      return { ...NOTHING, isResponse: true, answers: gone };
    });
  }

  async #sendAll(make: (network: Network) => DnsMessage): Promise<void> {
    await Promise.all(
      this.#sockets.networks.map((network) =>
        this.#sockets.send(network, writeDnsMessage(make(network))),
      ),
    );
  }

  /** Those of the same interface: who hears it there reaches us at each of them. */
  #addressesOn(network: Network): readonly Network[] {
    const { networks } = this.#sockets;
    const those = networks.filter(({ name }) => name === network.name);
    return those.length > 0 ? those : [network];
  }

  #hear(datagram: Uint8Array, from: NameSender): void {
    if (!this.#reads.take(from.address) || !this.#allReads.take(ALL)) return;
    const message = readDnsMessage(datagram);
    if (message === undefined) return;
    if (message.isResponse) {
      // What does not come from the port of the protocol is no answer (RFC 6762 §6).
      if (from.port !== this.#port || from.isOwn) return;
      for (const claim of this.#claims.values()) claim.hearAnswer(message, from.network);
      return;
    }
    // Another drayer of this machine may have the same name: it has another port.
    if (!from.isOwn) {
      for (const claim of this.#claims.values()) claim.hearProbe(message, from.network);
    }
    this.#answer(message, from);
  }

  #answer(query: DnsMessage, from: NameSender): void {
    const { network, port, address } = from;
    const { answers, additionals } = this.#answersTo(query, network);
    if (answers.length === 0) return;
    const isLegacy = port !== this.#port;
    if (!isLegacy) {
      if (!this.#answers.take(keyOf(network))) return;
      for (const some of inPieces([...answers, ...additionals])) {
        const answer = { ...NOTHING, isResponse: true, answers: some };
        void this.#sockets.send(network, writeDnsMessage(answer));
      }
      return;
    }
    if (!this.#ownAnswers.take(address) || !this.#answers.take(keyOf(network))) return;
    const [few = []] = inPieces([...answers, ...additionals]);
    const plain = few.map((record) => {
      return { ...record, isUnique: false, ttl: Math.min(record.ttl, LEGACY_TTL) };
    });
    const { id, questions } = query;
    const asked = questions.slice(0, 1);
    const answer = { ...NOTHING, id, isResponse: true, questions: asked, answers: plain };
    void this.#sockets.send(network, writeDnsMessage(answer), { address, port });
  }

  #answersTo(
    { questions, answers: known }: DnsMessage,
    network: Network,
  ): { answers: DnsRecord[]; additionals: DnsRecord[] } {
    const answers = new Set<DnsRecord>();
    const additionals = new Set<DnsRecord>();
    for (const claim of this.#claims.values()) {
      if (!claim.isHeld) continue;
      const { unique, shared } = claim.recordsOn(network);
      const mine = [...unique, ...shared];
      const found = questions.flatMap((question) =>
        mine.filter((record) => {
          if (record.name !== question.name) return false;
          return question.type === DNS.any || record.type === question.type;
        }),
      );
      // Of a host that is asked for what it has not: what it has.
      const isLacking = questions.some(({ name, type }) => {
        return name === claim.host && !mine.some((one) => one.name === name && one.type === type);
      });
      const nothing = unique.filter(({ type }) => isLacking && type === DNS.nsec);
      for (const record of [...found, ...nothing]) answers.add(record);
      if (found.length > 0) for (const record of unique) additionals.add(record);
    }
    const said = [...answers].filter((record) => !known.some((one) => isKnown(one, record)));
    return { answers: said, additionals: [...additionals].filter((one) => !answers.has(one)) };
  }
}

const NOTHING: Pick<DnsMessage, 'questions' | 'answers' | 'authorities' | 'additionals'> = {
  questions: [],
  answers: [],
  authorities: [],
  additionals: [],
};

/** So that each piece fits into one packet of a network. */
function inPieces(records: readonly DnsRecord[]): DnsRecord[][] {
  const pieces: DnsRecord[][] = [];
  let left = 0;
  for (const record of records) {
    const size = record.name.length + record.data.length + HEAD_BYTES;
    if (left < size) {
      pieces.push([]);
      left = PIECE_BYTES;
    }
    left -= size;
    pieces.at(-1)?.push(record);
  }
  return pieces;
}

/** Who asks has it, and will for a while (RFC 6762 §7.1). */
function isKnown(known: DnsRecord, { name, type, ttl, data }: DnsRecord): boolean {
  return (
    known.name === name &&
    known.type === type &&
    known.ttl * 2 >= ttl &&
    Buffer.compare(known.data, data) === 0
  );
}

function now(): number {
  return performance.now();
}
