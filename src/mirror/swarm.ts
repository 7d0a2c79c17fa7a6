/**
 * Fetching values from all sources that have them (R17), each as fast as it goes. Whoever has time takes
 * the next value; when there is none left, it takes over a part of what a slower source is still at. So
 * a slow source holds up nobody, and one large value comes from all of them.
 *
 * A value that one source brought wrong condemns that source for the rest of the run. One that several
 * brought is fetched again from one at a time, until the right bytes show who of them lied.
 */
import type { DrayerError } from '../core/errors.ts';
import type { Range } from '../store/byte-ranges.ts';
import type { PartValues } from '../store/part-values.ts';
import { LIMITS } from '../wire/limits.ts';
import { wrongValue } from './download-value.ts';
import { PartKeeper } from './keep-parts.ts';
import type { Part } from './part.ts';
import { isPeerFault } from './peer-errors.ts';
import { type PartEnd, readPart } from './read-part.ts';
import type { Source } from './source.ts';
import { dropKept, isToAsk, type Member, mayAnother, membersOf } from './swarm-members.ts';
import { findTakeOver, hasProgress } from './take-over.ts';
import { Turns } from './turns.ts';
import type { WantedValue } from './value-parts.ts';
import { type Job, ValueQueue, WHOLE } from './value-queue.ts';

/** What {@link fetchFromAll} is told. */
export type SwarmOptions = {
  /** Who may have the values; none of them an original. */
  readonly sources: readonly Source[];
  /** Who lied, and how; what is found is added. */
  readonly excluded: Map<Source, DrayerError>;
  /** Most bytes that are taken of a value. Default 64 MiB, the most there is. */
  readonly mostOf?: ((hash: Uint8Array) => number) | undefined;
  /** Handed each value that has its hash, once; the memory is used again afterwards. */
  readonly onValue: (hash: Uint8Array, value: Uint8Array) => void;
  readonly onBytes: (bytes: number) => void;
  /** Where large values are kept while they come; whoever takes the whole lets go of the parts. */
  readonly parts?: PartValues | undefined;
  /** Something was kept; what it throws ends the run. */
  readonly onKept?: (() => void) | undefined;
};

/** What could not be had. */
export type SwarmRest = {
  /** Values that nobody could give, with who was asked and does not have them. */
  readonly missing: readonly WantedValue[];
  /** Why a source was given up: it broke off again and again, or sent what it should not have. */
  readonly failures: ReadonlyMap<Source, DrayerError>;
};

/**
 * Fetches values until all are there or nobody is left who may have the rest.
 *
 * @throws {DrayerError} ABORTED, and whatever keeping a value throws
 */
export async function fetchFromAll(
  hashes: readonly Uint8Array[],
  options: SwarmOptions,
): Promise<SwarmRest> {
  return await new Swarm(hashes, options).run();
}

/** Requests under way at one source, and at all of them. */
const AT_ONCE = 4;
const AT_ONCE_IN_ALL = 32;
/** How often in a row a source may break off a value without progress, or be busy. */
const TRIES = 3;
/** How often a source that is idle looks around again. */
const LOOK_MS = 100;
/** How long a source that is busy is left alone. */
const BUSY_MS = 1000;

class Swarm {
  readonly #options: SwarmOptions;
  readonly #members: Member[];
  readonly #queue: ValueQueue;
  readonly #keeper: PartKeeper;
  readonly #turns = new Turns();
  #lanes = 0;
  #busyLanes = 0;
  #idle: (() => void)[] = [];
  #end: ((error?: unknown) => void) | undefined;

  constructor(hashes: readonly Uint8Array[], options: SwarmOptions) {
    this.#options = options;
    this.#keeper = new PartKeeper(options.parts);
    this.#queue = new ValueQueue(hashes, (wanted, source) => this.#keeper.resume(wanted, source));
    this.#members = membersOf(options.sources, options.excluded);
  }

  async run(): Promise<SwarmRest> {
    const { length } = this.#members;
    const each = Math.max(1, Math.min(AT_ONCE, Math.floor(AT_ONCE_IN_ALL / length)));
    this.#lanes = length * each;
    const timer = setInterval(() => this.#look(), LOOK_MS);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#end = (error) => (error === undefined ? resolve() : reject(error));
        if (this.#lanes === 0) resolve();
        for (const member of this.#members) {
          for (let lane = 0; lane < each; lane += 1) void this.#work(member, lane);
        }
      });
    } finally {
      clearInterval(timer);
      this.#end = undefined;
      this.#keeper.end(this.#queue.begun);
      // Nobody waits for who has not answered yet: its connection ends with the run.
      for (const wanted of this.#queue.begun) wanted.restart();
      this.#changed();
    }
    const failed = this.#members.flatMap(({ source, failure }): [Source, DrayerError][] =>
      failure === undefined ? [] : [[source, failure]],
    );
    return { missing: [...this.#queue.open], failures: new Map(failed) };
  }

  /** One request after the other at a source. */
  async #work(member: Member, lane: number): Promise<void> {
    try {
      while (this.#end !== undefined && member.failure === undefined) {
        const job = this.#next(member, lane);
        if (job === undefined) await this.#wait();
        else await this.#fetch(member, job.wanted, job.range);
      }
      this.#lanes -= 1;
      if (this.#lanes === 0) this.#end?.();
      this.#changed();
    } catch (error) {
      this.#end?.(error);
    }
  }

  /** Waits until something has changed; the run ends when everybody does. */
  #wait(): Promise<void> {
    const now = performance.now();
    const isLast = this.#idle.length + 1 >= this.#lanes && this.#busyLanes === 0;
    const hasHope = this.#members.some((one) => !one.failure && one.busyUntilMs > now);
    if (this.#queue.open.size === 0 || (isLast && !hasHope)) this.#end?.();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #look(): void {
    try {
      if (this.#keeper.tick(this.#queue.begun)) this.#options.onKept?.();
    } catch (error) {
      this.#end?.(error);
    }
    this.#changed();
  }

  #changed(): void {
    for (const wake of this.#idle.splice(0)) wake();
  }

  #next(member: Member, lane: number): Job | undefined {
    if (member.busyUntilMs > performance.now()) return undefined;
    // One request first: a source that has nothing is not asked four times as fast.
    if (lane > 0 && !member.hasAnswered) return undefined;
    const { source } = member;
    const isFor = (wanted: WantedValue): boolean => isToAsk(this.#members, wanted, source);
    return (
      this.#queue.takeGap(isFor) ?? this.#queue.takeFresh(source, isFor) ?? this.#takeOver(member)
    );
  }

  #takeOver(member: Member): Job | undefined {
    if (member.pace.open > 0) return undefined;
    const isBehind = this.#turns.isBehind(member, this.#members);
    const youngMs = this.#turns.youngMs(member.source);
    const found = isBehind ? undefined : findTakeOver(member, this.#queue.begun, youngMs);
    if (found === undefined) return undefined;
    const { wanted, part, from } = found;
    this.#turns.tooSlow(part.source);
    if (!wanted.isAlone) return { wanted, range: wanted.cut(part, from) };
    wanted.restart();
    this.#keeper.resume(wanted, member.source);
    return { wanted, range: wanted.gaps.pop() ?? WHOLE };
  }

  async #fetch(member: Member, wanted: WantedValue, range: Range): Promise<void> {
    const { source, pace } = member;
    const part = wanted.ask(source, range);
    this.#busyLanes += 1;
    pace.begin();
    try {
      const end = await readPart(wanted, part, {
        maxBytes: this.#options.mostOf?.(wanted.hash) ?? LIMITS.recordBytes,
        newRoom: () => this.#queue.newRoom(),
        onHead: (bytes) => this.#onHead(member, wanted, bytes),
        onBytes: (bytes) => {
          pace.add(bytes);
          this.#options.onBytes(bytes);
        },
      });
      // Taken over by another: it is not this source's affair any more.
      if (part.isOpen) this.#ended(member, wanted, part, end);
    } catch (error) {
      if (this.#end !== undefined) this.#failed(member, wanted, part, error);
    } finally {
      pace.end();
      this.#busyLanes -= 1;
      this.#changed();
    }
  }

  #onHead(member: Member, wanted: WantedValue, bytes: number): boolean {
    member.hasAnswered = true;
    member.busyTimes = 0;
    this.#changed();
    return this.#queue.hasRoom(wanted, bytes);
  }

  #ended(member: Member, wanted: WantedValue, part: Part, end: PartEnd): void {
    const { source } = member;
    wanted.close(part);
    wanted.tries.delete(source);
    if (end === 'lacked' || end === 'large') wanted.lackedBy.add(source);
    if (end === 'large') wanted.isLarge = true;
    if (end === 'contradicted') this.#contradicted(wanted, source);
    if (end === 'no-room') wanted.restart();
    if (wanted.brokenBy !== source) wanted.brokenBy = undefined;
    this.#settle(wanted);
  }

  /** Where only what was kept says another size it may be wrong, and so may this source: the others are asked. */
  #contradicted(wanted: WantedValue, source: Source): void {
    if (!wanted.hasKept) wanted.beginAlone();
    else if (mayAnother(this.#members, wanted, source)) wanted.doubt(source);
    else wanted.dropKept();
  }

  #failed(member: Member, wanted: WantedValue, part: Part, error: unknown): void {
    const { source } = member;
    if (!isPeerFault(error)) throw error;
    // Somebody else is at it already.
    const isOwn = part.isOpen;
    wanted.close(part);
    if (error.code === 'VALUE_NOT_HELD') {
      wanted.lackedBy.add(source);
      wanted.problem = error;
    } else if (error.code === 'PEER_INCOMPLETE') {
      member.busyTimes += 1;
      member.busyUntilMs = performance.now() + BUSY_MS;
      if (member.busyTimes >= TRIES) this.#giveUp(member, error);
    } else if (error.code === 'UNREACHABLE' && isOwn) {
      const tries = hasProgress(part) ? 0 : (wanted.tries.get(source) ?? 0) + 1;
      wanted.tries.set(source, tries);
      wanted.brokenBy = source;
      if (tries >= TRIES) this.#giveUp(member, error);
    } else if (error.code !== 'UNREACHABLE') this.#exclude(source, error);
    if (isOwn) this.#settle(wanted);
  }

  /** Looks what has become of a value after something about it has changed. */
  #settle(wanted: WantedValue): void {
    if (wanted.isStuck) wanted.restart();
    const value = wanted.whole();
    if (value !== undefined) this.#judge(wanted, value);
    if (wanted.isWaiting) this.#queue.putBack(wanted);
  }

  #judge(wanted: WantedValue, value: Uint8Array): void {
    const isRight = wanted.isRight(value);
    // Nobody's lie, as far as anybody can tell: the disk may have lost or changed it.
    const brought = wanted.contributors();
    if (!isRight && wanted.hasKept) {
      dropKept(wanted, this.#members, this.#keeper);
      return;
    } else if (!isRight && brought.size > 1) {
      this.#keeper.doubt(wanted);
      wanted.beginAlone();
      return;
    }
    const liars = isRight ? wanted.liars(value) : brought;
    if (isRight) {
      this.#options.onValue(wanted.hash, value);
      this.#queue.done(wanted);
    }
    for (const source of liars) this.#exclude(source, wrongValue(source.url, wanted.hash));
  }

  /** Nothing of it is asked for, nor believed, any more. */
  #exclude(source: Source, error: DrayerError): void {
    const { excluded } = this.#options;
    if (!excluded.has(source)) excluded.set(source, error);
    const member = this.#members.find((one) => one.source === source);
    if (member !== undefined) this.#giveUp(member, error);
    for (const wanted of [...this.#queue.begun]) {
      if (wanted.isAlone && wanted.owner === source) this.#keeper.drop(wanted);
      wanted.forget(source);
      if (wanted.isWaiting) this.#settle(wanted);
    }
  }

  #giveUp(member: Member, error: DrayerError): void {
    member.failure ??= error;
    // What was left to it is for the others now.
    this.#queue.lookAgain();
  }
}
