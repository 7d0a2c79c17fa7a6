/**
 * One stream as a mirror holds it: the visible generation, what is known of it from before, and the
 * next generation as it comes together (R15). Keeps the two apart until the new one is complete.
 */
import type { Step } from '../core/chain.ts';
import { DrayerError } from '../core/errors.ts';
import { emptyView, OverlayView } from '../core/overlay.ts';
import { type Micros, PROTOCOL_TYPE, type SignedRecord, SNAPSHOT_KEY } from '../core/record.ts';
import { type HeldValues, openHeldValues } from './held-values.ts';
import { openReaderOf } from './open-reader.ts';
import { PartValues } from './part-values.ts';
import type { PromoteJob, Promotion } from './promote.ts';
import type { StreamReader } from './reader.ts';
import { Staging } from './staging.ts';
import { partPathOf, type StagingBase } from './staging-file.ts';
import { hasFile } from './stream-file.ts';
import { checkHistory, isNewer, readTrust, type Trust, trustPathOf, writeTrust } from './trust.ts';
import type { Unchecked } from './unchecked.ts';
import { ValueChoice } from './value-choice.ts';
import { isPartial, type ValueMode } from './value-mode.ts';

/** Puts a staged generation in place; `promoteStaged`, here or in a worker thread. */
export type Promoter = (job: PromoteJob) => Promotion | Promise<Promotion>;

/**
 * Opens the mirror of a stream at `path`, whether or not there is anything yet. Makes no file.
 *
 * @param options - `trust`: what is known from elsewhere of the newest generation; no trust state is
 *   read or written then. `mode`: which values are wanted from now on (R18); by default those that were
 *   wanted last, of a new mirror all of them
 * @throws {DrayerError} KEY_MISMATCH when the file there is another stream
 * @throws {DrayerError} TWO_HISTORIES when it is a copy of another history than the one that was seen here
 */
export function openMirrorStore(
  path: string,
  publicKey: Uint8Array,
  options: { readonly trust?: Trust | undefined; readonly mode?: ValueMode | undefined } = {},
): MirrorStore {
  return new MirrorStore(path, publicKey, options);
}

/** Use {@link openMirrorStore}. Closed by {@link MirrorStore.close}; what is staged stays. */
export class MirrorStore {
  /** The stream file. */
  readonly path: string;
  /** The stream's key. */
  readonly publicKey: Uint8Array;
  /** Which values it is to hold. */
  readonly values: ValueChoice;
  /** What has come of values that are under way. */
  readonly parts: PartValues;
  readonly #isTrustGiven: boolean;
  #visible: StreamReader | undefined;
  #trust: Trust | undefined;
  #staging: Staging | undefined;
  #view: OverlayView | undefined;
  #likelyRecords = 0;
  #stagedBytes = 0;
  #stagedRecords = 0;

  /** Use {@link openMirrorStore}. */
  constructor(
    path: string,
    publicKey: Uint8Array,
    { trust, mode }: { readonly trust?: Trust | undefined; readonly mode?: ValueMode | undefined },
  ) {
    this.path = path;
    this.publicKey = publicKey;
    this.values = new ValueChoice(mode);
    this.parts = new PartValues(path);
    this.#isTrustGiven = trust !== undefined;
    this.#visible = hasFile(path) ? openReaderOf(path, publicKey) : undefined;
    try {
      this.#trust = trust ?? readTrust(trustPathOf(path));
      this.#raiseTrust();
      this.values.keepVisible(path, this.#visible);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The generation that is shown and served; undefined where there is none yet. */
  get visible(): StreamReader | undefined {
    return this.#visible;
  }

  /** The newest generation this mirror has called complete, also where its file is lost. */
  get trust(): Trust | undefined {
    return this.#trust;
  }

  /** The next generation as far as it is staged. */
  get view(): OverlayView {
    if (this.#view !== undefined) return this.#view;
    throw new DrayerError('INTERNAL', `${this.path}: nothing is staged`);
  }

  /** Whether staging has begun, so that another source can go on with it. */
  get isStaging(): boolean {
    return this.#staging !== undefined;
  }

  /** Whether there is nothing yet, not even of a run that was cut off. */
  get isEmpty(): boolean {
    return this.#visible === undefined && !this.isStaging && !hasFile(partPathOf(this.path));
  }

  /** What the staging stands on. */
  get base(): StagingBase {
    return this.#open().base;
  }

  /** Whether an earlier run began what is staged. */
  get isResumed(): boolean {
    return this.#open().isResumed;
  }

  /** The snapshot record of what is staged, with its value where that is staged too. */
  stagedSnapshot(): SignedRecord | undefined {
    const [record] = this.view.byKey(PROTOCOL_TYPE, SNAPSHOT_KEY);
    return record && { ...record, value: this.#open().value(record.id) };
  }

  /** Whose records are staged without their signatures having been checked (R22); undefined where all are. */
  get unchecked(): Unchecked | undefined {
    return this.#staging?.unchecked();
  }

  /**
   * From now on records are staged whose signatures are not checked, all from one source. Only in a first
   * generation: it is not shown unless a snapshot proves it, and given to nobody before they are.
   */
  leaveUnchecked(from: string): void {
    if (this.base.kind === 'first') this.#open().setUnchecked({ from });
  }

  /** What is staged, ascending by `modified`, without values. */
  stagedRecords(): Iterable<SignedRecord> {
    return this.#open().bareRecords();
  }

  /** Every signature of what is staged has been checked. */
  noteChecked(): void {
    this.#open().setUnchecked(undefined);
  }

  /** How much has been staged since it was begun or gone on with, and is here of values under way. */
  get staged(): { readonly records: number; readonly bytes: number } {
    return { records: this.#stagedRecords, bytes: this.#stagedBytes + this.parts.bytes };
  }

  /**
   * Begins staging, or goes on with what an earlier run left.
   *
   * @param likelyRecords - how many will come, as far as anybody knows; the file is laid out for them
   * @returns the records an earlier run left, ascending by `modified`, with their values. They must be
   *   checked and handed to {@link MirrorStore.adopt}; if one is wrong: {@link MirrorStore.restart}
   */
  begin(likelyRecords = 0): Iterable<SignedRecord> {
    this.#likelyRecords = likelyRecords;
    const tip = this.#visible?.view.modifiedTip() ?? 0;
    this.#stage({ kind: this.#visible === undefined ? 'first' : 'next', tip });
    return this.#open().isResumed ? this.#open().records() : [];
  }

  /** Takes records of an earlier run, checked, into {@link MirrorStore.view}. */
  adopt(records: readonly SignedRecord[]): void {
    for (const record of records) {
      this.view.put(bareRecord(record));
      this.#stagedRecords += 1;
      this.#stagedBytes += record.value?.length ?? 0;
    }
  }

  /**
   * Throws away what is staged and begins again: on the visible generation, or on nothing at all.
   *
   * @param from - `afresh` where even the visible generation is in doubt (R16)
   */
  restart(from: 'visible' | 'afresh'): void {
    this.discard();
    const tip = this.#visible?.view.modifiedTip() ?? 0;
    const later = from === 'afresh' ? 'afresh' : 'next';
    this.#stage({ kind: this.#visible === undefined ? 'first' : later, tip });
  }

  /** Stages steps that {@link MirrorStore.view} has taken in; values are in their records, or wanted. */
  write(steps: readonly Step[]): void {
    this.#open().write(steps);
    for (const step of steps) {
      if (step.kind === 'put') this.#stagedBytes += step.record.value?.length ?? 0;
    }
    this.#stagedRecords += steps.length;
  }

  /** Stages a value that was wanted; its hash was checked. */
  fill(hash: Uint8Array, value: Uint8Array): void {
    const isAtOnce = this.parts.has(hash);
    if (isAtOnce) this.flush();
    this.parts.storing([hash], () => this.#open().fill(hash, value, isAtOnce));
    this.#stagedBytes += value.length;
  }

  /** Keeps what was staged so far, also if this process is killed from now on. */
  flush(): void {
    this.#staging?.flush();
  }

  /** The hashes whose values are wanted and neither staged nor visible (R17, R18). */
  wanted(): Uint8Array[] {
    return this.values.wanted(this.#open(), this.#visible);
  }

  /** Opens the values of the visible generation for writing; undefined where there is none. */
  openValues(): HeldValues | undefined {
    return this.#visible === undefined ? undefined : openHeldValues(this.path);
  }

  /**
   * Has the staged generation judged and, if it is complete, shown. Otherwise staging goes on.
   *
   * @param goal - the highest `modified` of a verified record that any source has shown
   */
  async promote(goal: Micros, promoter: Promoter): Promise<Promotion> {
    const { base } = this.#open();
    this.#open().close();
    this.#staging = undefined;
    const seen = this.#trust?.snapshot;
    const job = { path: this.path, goal, seen, isPartial: isPartial(this.values.mode) };
    const promotion = await promoter(job);
    if (promotion.kind === 'complete') this.#reopen();
    else this.#staging = Staging.open(partPathOf(this.path), this.publicKey, base);
    return promotion;
  }

  /** Throws away what is staged. */
  discard(): void {
    this.#staging?.discard();
    this.#staging = undefined;
    this.#view = undefined;
  }

  /** Closes the files. What is staged stays, to be gone on with. */
  close(): void {
    this.parts.close();
    this.#staging?.close();
    this.#staging = undefined;
    this.#visible?.close();
    this.#visible = undefined;
  }

  #open(): Staging {
    if (this.#staging !== undefined) return this.#staging;
    throw new DrayerError('INTERNAL', `${this.path}: staging has not begun`);
  }

  #stage(base: StagingBase): void {
    const part = partPathOf(this.path);
    this.#staging = Staging.open(part, this.publicKey, base, this.#likelyRecords);
    const { kind } = this.#staging.base;
    if (kind === 'first') this.values.keepStaged(this.#staging.local());
    const under = kind === 'next' ? this.#visible?.view : undefined;
    this.#view = new OverlayView(under ?? emptyView());
    for (const id of this.#staging.removed()) this.#view.remove(id);
    this.#stagedBytes = 0;
    this.#stagedRecords = 0;
  }

  #reopen(): void {
    this.#visible?.close();
    this.#view = undefined;
    this.#visible = openReaderOf(this.path, this.publicKey);
    this.#raiseTrust();
  }

  // What is visible was complete, whether or not there was time to note it.
  #raiseTrust(): void {
    const generation = this.#visible?.generation();
    if (generation === undefined) return;
    if (!this.#isTrustGiven) checkHistory(this.path, generation, this.#trust);
    if (!isNewer(generation, this.#trust)) return;
    const newest = generation.snapshot ?? this.#trust?.snapshot;
    const snapshot = newest && { seq: newest.seq, root: newest.root };
    this.#trust = { tip: generation.tip, snapshot };
    if (!this.#isTrustGiven) writeTrust(trustPathOf(this.path), this.#trust);
  }
}

/** A record without its value: an overlay holds its records as long as it lives. */
export function bareRecord(record: SignedRecord): SignedRecord {
  const { id, type, key, hash, timestamp, modified, prev, prevChange, signature } = record;
  return { id, type, key, hash, timestamp, modified, prev, prevChange, signature };
}
