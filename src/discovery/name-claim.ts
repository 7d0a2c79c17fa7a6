/**
 * One name that we want: probed for three times (RFC 6762 §8.1), then announced; given up for the next one,
 * `name-2`, where another machine has it, also later.
 */
import { DNS, type DnsMessage, type DnsRecord } from './dns-message.ts';
import { type NamedService, type NameRecords, recordsOf } from './name-records.ts';
import type { Network } from './networks.ts';

/** What a {@link NameClaim} is told. */
export type ClaimOptions = {
  readonly probeMs?: number | undefined;
  /** Sends to everybody, on each network what is true there. */
  readonly send: (make: (network: Network) => DnsMessage) => void;
  /** Addresses of this machine where a network is. */
  readonly addressesOn: (network: Network) => readonly Network[];
  /** Whether another claim of ours has this label. */
  readonly isOwn: (label: string) => boolean;
  /** It is ours; undefined: no more. */
  readonly onName: (host: string | undefined) => void;
  readonly onGiveUp: (reason: string) => void;
};

const PROBE_MS = 250;
const PROBES = 3;
/** Announced again after so long, ms (RFC 6762 §8.3). */
const AGAIN_MS = 1_000;
/** Who loses to a probe of the same moment waits so long, ms (§8.2). */
const DEFER_MS = 1_000;
/** More than there are machines that want one name; then somebody is playing with us. */
const MOST_NUMBER = 20;
/** And is left alone for so long. */
const REST_MS = 600_000;
const MOST_LABEL = 63;

/** A name in the making, or ours. */
export class NameClaim {
  readonly #base: string;
  readonly #service: NamedService;
  readonly #options: ClaimOptions;
  readonly #probeMs: number;
  #number = 1;
  #probes = 0;
  #isHeld = false;
  #isEnded = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(label: string, service: NamedService, options: ClaimOptions) {
    this.#base = label;
    this.#service = service;
    this.#options = options;
    this.#probeMs = options.probeMs ?? PROBE_MS;
    this.#skipOwn();
  }

  /** The label that is wanted now. */
  get label(): string {
    if (this.#number === 1) return this.#base;
    const end = `-${this.#number}`;
    return `${this.#base.slice(0, MOST_LABEL - end.length)}${end}`;
  }

  get host(): string {
    return `${this.label}.local`;
  }

  /** It is ours. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  recordsOn(network: Network): NameRecords {
    return recordsOf(this.label, this.#service, this.#options.addressesOn(network));
  }

  /** Probes, also for what is ours: there are others on a network that is new. */
  begin(): void {
    if (this.#isEnded) return;
    this.#probes = 0;
    // Machines that are switched on together do not ask together.
    this.#after(Math.random() * this.#probeMs, () => this.#probe());
  }

  /** Tells whether others have to be told that it ends. */
  end(): boolean {
    clearTimeout(this.#timer);
    const wasHeld = this.#isHeld && !this.#isEnded;
    this.#isEnded = true;
    return wasHeld;
  }

  /** Somebody says what there is. */
  hearAnswer({ answers, additionals }: DnsMessage, network: Network): void {
    if (this.#isEnded) return;
    const ours = this.recordsOn(network);
    const isOther = [...answers, ...additionals].some((record) => {
      return record.ttl > 0 && isOfName(record, ours) && !isAmong(record, ours.unique);
    });
    if (!isOther) return;
    // What is ours is asked for once more (§9): the other one may have gone, or hear of us only now.
    if (this.#isHeld && this.#probes === PROBES) this.begin();
    else this.#rename();
  }

  /** Somebody else wants it, maybe at this very moment (§8.2). */
  hearProbe({ questions, authorities }: DnsMessage, network: Network): void {
    if (this.#isEnded || this.#probes === 0 || this.#probes === PROBES) return;
    const ours = this.recordsOn(network);
    const isAsked = questions.some(({ name }) => name === ours.host || name === ours.instance);
    const theirs = authorities.filter((record) => isOfName(record, ours));
    if (!isAsked || theirs.length === 0) return;
    if (compare(proposed(ours), theirs) >= 0) return;
    this.#probes = 0;
    this.#after(DEFER_MS, () => this.#probe());
  }

  #probe(): void {
    if (this.#probes === PROBES) {
      this.#hold();
      return;
    }
    this.#probes += 1;
    this.#options.send((network) => {
      const records = this.recordsOn(network);
      const names = [records.host, records.instance];
      const questions = names.map((name) => ({ name, type: DNS.any, isUnicast: false }));
      const authorities = proposed(records);
      return { isResponse: false, questions, answers: [], authorities, additionals: [] };
    });
    this.#after(this.#probeMs, () => {
      if (this.#probes === PROBES) this.#hold();
      else this.#probe();
    });
  }

  #hold(): void {
    const wasHeld = this.#isHeld;
    this.#isHeld = true;
    if (!wasHeld) this.#options.onName(this.host);
    this.#announce();
    this.#after(AGAIN_MS, () => this.#announce());
  }

  #announce(): void {
    this.#options.send((network) => {
      const { unique, shared } = this.recordsOn(network);
      const answers = [...unique, ...shared];
      return { isResponse: true, questions: [], answers, authorities: [], additionals: [] };
    });
  }

  #rename(): void {
    if (this.#isHeld) this.#options.onName(undefined);
    this.#isHeld = false;
    this.#number += 1;
    this.#skipOwn();
    if (this.#number > MOST_NUMBER) {
      const reason = `others on the network have this name, and ${MOST_NUMBER} like it`;
      this.#options.onGiveUp(reason);
      this.#number = 1;
      this.#skipOwn();
      this.#probes = 0;
      this.#after(REST_MS, () => this.begin());
      return;
    }
    this.begin();
  }

  #skipOwn(): void {
    while (this.#options.isOwn(this.label) && this.#number <= MOST_NUMBER) this.#number += 1;
  }

  #after(ms: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, ms);
    this.#timer.unref();
  }
}

/** What a probe says that it will say: addresses and service. */
function proposed({ unique }: NameRecords): readonly DnsRecord[] {
  return unique.filter(({ type }) => type !== DNS.nsec && type !== DNS.txt);
}

function isOfName({ name, type }: DnsRecord, { host, instance }: NameRecords): boolean {
  return (name === host || name === instance) && type !== DNS.nsec;
}

function isAmong({ name, type, data }: DnsRecord, records: readonly DnsRecord[]): boolean {
  return records.some((one) => {
    return one.name === name && one.type === type && Buffer.compare(one.data, data) === 0;
  });
}

/** The order of RFC 6762 §8.2: record by record, by type, then byte by byte; who has more is later. */
function compare(ours: readonly DnsRecord[], theirs: readonly DnsRecord[]): number {
  const [left, right] = [sorted(ours), sorted(theirs)];
  for (const [at, one] of left.entries()) {
    const other = right[at];
    if (other === undefined) return 1;
    const order = Buffer.compare(one, other);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function sorted(records: readonly DnsRecord[]): Buffer[] {
  const bytes = records.map(({ type, data }) => Buffer.concat([Buffer.of(type >> 8, type), data]));
  return bytes.sort(Buffer.compare);
}
