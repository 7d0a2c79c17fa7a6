/**
 * Who else on the local networks has our streams (PROTOCOL.md §10): says what is here at every new
 * generation, when asked and now and then; hears what others say, and checks it before anything is done.
 * It dials nobody: whoever reads its events does.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import type { Micros, SignedRecord } from '../core/record.ts';
import { verifyRecord } from '../core/signing.ts';
import { formatStreamId } from '../core/stream-id.ts';
import {
  DATAGRAM_BYTES,
  type Datagram,
  decodeDatagram,
  encodeRecordDatagram,
  encodeRequestDatagram,
} from '../wire/datagram.ts';
import { isPeerPort } from '../wire/peer-port.ts';
import { DialGate } from './dial-gate.ts';
import type { Discovery, DiscoveryEvent, NearbyStream } from './discovery.ts';
import { EventQueue } from './event-queue.ts';
import { type From, type LanSocketOptions, LanSockets } from './lan-sockets.ts';
import { Limiter } from './limiter.ts';
import { Nearby } from './nearby.ts';
import { type Network, urlOf } from './networks.ts';
import { Outbox } from './outbox.ts';
import { type News, Peers } from './peers.ts';

/** What {@link LanDiscovery} is told. */
export type LanDiscoveryOptions = Pick<LanSocketOptions, 'lookMs' | 'port' | 'interfaces'> & {
  /** Where this machine serves; 0 where it does not, and then it says nothing of itself. */
  readonly httpPort: number;
  /** Whether everybody is told what is here; otherwise only who asks for a stream by its key. Default: true. */
  readonly announces?: boolean | undefined;
};

/** A stream that is here. */
export type OwnStream = {
  readonly publicKey: Uint8Array;
  /** Its newest record; undefined where there is none yet. */
  readonly record?: SignedRecord | undefined;
  /** Whether others may know that it is here. */
  readonly isShown: boolean;
};

type Own = { readonly stream: OwnStream; readonly tip: Micros };

/** Answers in all, and to one address. */
const ALL_ANSWERS = { burst: 20, everyMs: 50 };
const ANSWERS = { burst: 1, everyMs: 2_000 };
/** Datagrams that are read at all: a server of 500 streams says 500 things when it starts. */
const READ_OF_ONE = { burst: 600, everyMs: 10 };
const READ_OF_ALL = { burst: 2_000, everyMs: 1 };
/** Signatures that are checked, for one stream from one address and in all. */
const CHECKS = { burst: 4, everyMs: 500 };
const ALL_CHECKS = { burst: 600, everyMs: 5 };
/** After we have asked, answers are for us. */
const ANSWER_MS = 10_000;
/** An answer may be so many times as long as its question. */
const ANSWER_TIMES = 3;
const ALL = 'all';
/** Most datagrams that are known as they are: what is announced is mostly what was announced before. */
const MOST_READ = 1_024;

/** Local discovery. Opened by {@link LanDiscovery.open}, closed by {@link LanDiscovery.stop}. */
export class LanDiscovery implements Discovery {
  readonly #options: LanDiscoveryOptions;
  readonly #sockets: LanSockets;
  readonly #events = new EventQueue<DiscoveryEvent>();
  readonly #own = new Map<string, Own>();
  readonly #outbox: Outbox;
  readonly #peers: Peers;
  readonly #nearby = new Nearby(Date.now, now);
  readonly #gate = new DialGate(now);
  readonly #answers = new Limiter(ANSWERS, now);
  readonly #allAnswers = new Limiter(ALL_ANSWERS, now);
  readonly #reads = new Limiter(READ_OF_ONE, now);
  readonly #allReads = new Limiter(READ_OF_ALL, now);
  readonly #checks = new Limiter(CHECKS, now);
  readonly #allChecks = new Limiter(ALL_CHECKS, now);
  /** Datagrams that were read lately, and what they say. */
  readonly #read = new Map<string, Datagram | undefined>();
  /** When each stream was asked for last. */
  readonly #askedAt = new Map<string, number>();

  constructor(options: LanDiscoveryOptions) {
    this.#options = options;
    this.#peers = new Peers(now);
    this.#sockets = new LanSockets({
      ...options,
      onDatagram: (datagram, from) => this.#hear(datagram, from),
      onNetworks: (networks) => this.#onNetworks(networks),
      onTrouble: (network, cause) => {
        this.#events.push({ kind: 'problem', error: noNetwork(network, cause) });
      },
    });
    this.#outbox = new Outbox((datagram) => this.#sockets.sendAll(datagram));
  }

  /** Listens from now on. */
  async open(): Promise<void> {
    await this.#sockets.open();
  }

  /** Looks at the networks now. */
  look(): Promise<void> {
    return this.#sockets.look();
  }

  /** What is found, as it is found; ends with {@link LanDiscovery.stop}. */
  [Symbol.asyncIterator](): AsyncIterator<DiscoveryEvent> {
    return this.#events[Symbol.asyncIterator]();
  }

  /** A stream is here, or has another newest record than before: others are told, and asked the first time. */
  put(stream: OwnStream): void {
    const id = formatStreamId(stream.publicKey);
    const before = this.#own.get(id);
    const own: Own = { stream, tip: stream.record?.modified ?? 0 };
    this.#own.set(id, own);
    this.#nearby.remove(stream.publicKey);
    const isNews = own.tip !== before?.tip || stream.isShown !== before.stream.isShown;
    if (isNews) this.#announce(id, own);
    if (before === undefined && stream.isShown) this.ask(stream.publicKey);
  }

  /** A stream is not here any more. */
  remove(publicKey: Uint8Array): void {
    const id = formatStreamId(publicKey);
    this.#own.delete(id);
    this.#outbox.remove(id);
    this.#peers.remove(id);
    this.#askedAt.delete(id);
  }

  /** Asks everybody on every network for what is newer than what is here of a stream. */
  ask(publicKey: Uint8Array): void {
    const id = formatStreamId(publicKey);
    this.#askedAt.set(id, now());
    this.#outbox.ask(id, encodeRequestDatagram(publicKey, this.#own.get(id)?.tip ?? 0));
  }

  /** What was announced at `url` was there: it is asked again whenever it has news. */
  prove(url: string): void {
    const { hostname } = new URL(url);
    const address = hostname.replace(/^\[|\]$/g, '');
    this.#gate.prove({ address, url });
    // What it said while it could not be asked.
    for (const waiting of this.#peers.takeWaiting(address)) this.#newer(waiting);
  }

  /** Who said lately that he has a stream that is here, or more of it than is here if anybody has. */
  peersOf(publicKey: Uint8Array): readonly string[] {
    const id = formatStreamId(publicKey);
    return this.#peers.list(id, this.#own.get(id)?.tip ?? 0);
  }

  /** What others have, and is not here; the one heard last in front. */
  nearby(): readonly NearbyStream[] {
    return this.#nearby.list();
  }

  async stop(): Promise<void> {
    this.#outbox.close();
    await this.#sockets.close();
    this.#events.close();
  }

  #announce(id: string, { stream }: Own): void {
    const { publicKey, record, isShown } = stream;
    const { httpPort, announces = true } = this.#options;
    const isSaid = announces && isShown && httpPort !== 0;
    if (record === undefined || !isSaid) this.#outbox.remove(id);
    else this.#outbox.announce(id, encodeRecordDatagram(record, { publicKey, httpPort }));
  }

  #onNetworks(networks: readonly Network[]): void {
    const names = networks.map(({ name, address }) => `${name} ${address}`);
    this.#events.push({ kind: 'networks', networks: names });
    this.#outbox.announceAll();
    for (const { stream } of this.#own.values()) if (stream.isShown) this.ask(stream.publicKey);
  }

  #hear(datagram: Uint8Array, from: From): void {
    if (this.#sockets.isOwn(from)) return;
    if (!this.#reads.take(from.address) || !this.#allReads.take(ALL)) return;
    const message = this.#decode(datagram);
    if (message?.kind === 'request') this.#answer(message, from, datagram.length);
    else if (message !== undefined) this.#take(message, from);
  }

  #decode(datagram: Uint8Array): Datagram | undefined {
    // Longer ones are none.
    const text = Buffer.from(datagram.subarray(0, DATAGRAM_BYTES + 1)).toString('latin1');
    if (this.#read.has(text)) return this.#read.get(text);
    if (this.#read.size >= MOST_READ) this.#read.clear();
    const message = decodeDatagram(Uint8Array.from(datagram));
    this.#read.set(text, message);
    return message;
  }

  /** Only to what was asked of all: an address beyond a router can be made up. */
  #answer({ publicKey, time }: Request, from: From, length: number): void {
    const own = this.#own.get(formatStreamId(publicKey));
    const { httpPort } = this.#options;
    const record = own?.stream.record;
    if (!from.isToAll || !own?.stream.isShown || record === undefined || httpPort === 0) return;
    if (own.tip <= time || !this.#allAnswers.has(ALL) || !this.#answers.take(from.address)) return;
    this.#allAnswers.take(ALL);
    const most = Math.min(ANSWER_TIMES * length, MOST_ANSWER);
    const answer = encodeRecordDatagram(record, { publicKey, httpPort }, most);
    if (answer.length <= most) this.#sockets.sendTo(answer, from);
  }

  #take(message: Announced, from: From): void {
    const { publicKey, modified, httpPort, record } = message;
    const id = formatStreamId(publicKey);
    if (!from.isToAll && !this.#isAwaited(id)) return;
    const { address } = from;
    const isOwnServer = httpPort === this.#options.httpPort && this.#isHere(address);
    if (!isPeerPort(httpPort) || isOwnServer) return;
    const own = this.#own.get(id);
    const url = urlOf(address, httpPort);
    const isSigned = record !== undefined && modified !== own?.tip;
    if (isSigned && !this.#isGood(record, { id, publicKey, address })) return;
    if (own === undefined) {
      const stream = this.#nearby.hear({ publicKey, modified, address, url, isSigned });
      if (stream !== undefined) this.#events.push({ kind: 'nearby', stream });
      return;
    }
    // What anybody says counts no more than what is here.
    this.#peers.hear(id, { url, modified: isSigned ? modified : Math.min(modified, own.tip) });
    if (modified > own.tip) this.#newer({ publicKey, modified, address, url, isSigned });
  }

  #newer(news: News): void {
    const { publicKey, modified, address, url, isSigned } = news;
    const id = formatStreamId(publicKey);
    if (modified <= (this.#own.get(id)?.tip ?? modified)) return;
    if (this.#gate.pass({ id, address, url, isSigned })) {
      this.#events.push({ kind: 'newer', publicKey, modified, url, isSigned });
    } else if (isSigned) this.#peers.wait(id, news);
  }

  #isGood(
    record: SignedRecord,
    { id, publicKey, address }: { id: string; publicKey: Uint8Array; address: string },
  ): boolean {
    if (!this.#checks.take(`${id} ${address}`) || !this.#allChecks.take(ALL)) return false;
    try {
      verifyRecord(record, publicKey);
      return true;
    } catch (error) {
      if (isDrayerError(error)) return false;
      throw error;
    }
  }

  #isAwaited(id: string): boolean {
    return now() - (this.#askedAt.get(id) ?? Number.NEGATIVE_INFINITY) < ANSWER_MS;
  }

  #isHere(address: string): boolean {
    return this.#sockets.networks.some((network) => network.address === address);
  }
}

type Request = Extract<Datagram, { kind: 'request' }>;
type Announced = Extract<Datagram, { kind: 'record' }>;

const MOST_ANSWER = 2_048;

function now(): number {
  return performance.now();
}

function noNetwork({ name, address }: Network, cause: Error): DrayerError {
  const message = `${name} (${address}): cannot be listened on for others: ${cause.message}`;
  return new DrayerError('ADDRESS_IN_USE', message, {
    cause,
    hint: 'another program may hold UDP port 15723 for itself alone; all else goes on',
  });
}
