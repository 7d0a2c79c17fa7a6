/**
 * One wanted value as it comes together from parts of one or several sources, and of an earlier run. Knows who
 * brought which bytes: only the whole can be checked by its hash, so where it is wrong, this tells who lied.
 */
import { hash } from '#crypto';
import type { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { bytesIn, type Range, withoutRanges } from '../store/byte-ranges.ts';
import type { Piece } from '../store/part-file.ts';
import { LIMITS } from '../wire/limits.ts';
import type { Room } from './download-value.ts';
import { beginPart, type Evidence, type KeptBytes, type Part } from './part.ts';
import type { Source } from './source.ts';

/** A value that is wanted. */
export class WantedValue {
  readonly hash: Uint8Array;
  /** Waits for a source to begin with it. */
  isWaiting = true;
  isDone = false;
  /** Asked of one source at a time, from its first byte: together they made something wrong of it. */
  isAlone = false;
  /** Its size as a source said it last; undefined before any did. */
  likelyBytes: number | undefined;
  /** What no source is at. */
  gaps: Range[] = [];
  /** Whose part broke off last: another one goes on with it, if there is one. */
  brokenBy: Source | undefined;
  /** A source says that it has more bytes than are taken. */
  isLarge = false;
  /** What is kept of it on disk is not to be gone on with. */
  isSpoiled = false;
  /** Why a source could not give it, where it said why. */
  problem: DrayerError | undefined;
  /** Who cannot give it. */
  readonly lackedBy: Set<Source> = new Set();
  /** How often in a row a source broke off without a byte. */
  readonly tries: Map<Source, number> = new Map();
  readonly #claims = new Map<Source, number>();
  #size: number | undefined;
  #parts: Part[] = [];
  #room: Room | undefined;
  #evidence: Evidence | undefined;
  #kept: KeptBytes | undefined;
  /** Who said another size than that of what was kept. */
  readonly #doubters = new Set<Source>();
  /** What of it was sound; undefined until there is memory for it. */
  #loaded: readonly Range[] | undefined;

  constructor(digest: Uint8Array) {
    this.hash = digest;
  }

  /** The parts that are being read. */
  get open(): readonly Part[] {
    return this.#parts.filter((part) => part.isOpen);
  }

  /** How large it is, once a source has said so. */
  get size(): number | undefined {
    return this.#size;
  }

  /** Who began it; where it is asked of one source at a time, all of it is from there. */
  get owner(): Source | undefined {
    return this.#parts[0]?.source;
  }

  /** When it was begun, by `performance.now`. */
  get sinceMs(): number {
    return this.#parts[0]?.sinceMs ?? Number.POSITIVE_INFINITY;
  }

  /** Whether something of it is from an earlier run. */
  get hasKept(): boolean {
    return (this.#loaded ?? this.#kept?.ranges ?? []).length > 0;
  }

  /** Memory it takes. */
  get bytes(): number {
    if (this.isDone) return 0;
    const own = this.isWaiting ? 0 : (this.#size ?? this.likelyBytes ?? 0);
    return own + (this.#evidence?.bytes.length ?? 0);
  }

  /** Goes on with what an earlier run has kept. */
  resume(kept: KeptBytes): void {
    this.#kept = kept;
    this.likelyBytes = kept.size;
    const end = kept.size;
    const gaps = withoutRanges([{ start: 0, end }], kept.ranges);
    // Whoever brings the last byte says the size as well.
    this.gaps = gaps.length > 0 ? gaps : [{ start: end - 1, end }];
  }

  /** Asks this source for nothing of it as long as what was kept is believed. */
  doubt(source: Source): void {
    this.lackedBy.add(source);
    this.#doubters.add(source);
  }

  /** Does without what an earlier run has kept: it is wrong, or would be in the way. */
  dropKept(): void {
    this.gaps.push(...(this.#loaded ?? this.#kept?.ranges ?? []));
    this.#kept = undefined;
    this.#loaded = undefined;
    this.isSpoiled = true;
    for (const source of this.#doubters) this.lackedBy.delete(source);
    if (this.#parts.every((part) => part.at === part.start)) this.restart();
  }

  /** What has come since it was last asked, or all where what was kept is spoiled; nothing below `leastBytes`. */
  takeNews(leastBytes: number): Piece[] {
    const bytes = this.#room?.bytes;
    const parts = this.#parts.map(({ start, keptTo, at }) => ({
      start: this.isSpoiled ? start : keptTo,
      end: at,
    }));
    const old = this.isSpoiled ? (this.#loaded ?? []) : [];
    const news = [...old, ...parts].filter(({ start, end }) => end > start);
    if (bytes === undefined || bytesIn(news) < leastBytes) return [];
    for (const part of this.#parts) part.keptTo = part.at;
    this.isSpoiled = false;
    return news.map(({ start, end }) => ({ at: start, bytes: bytes.subarray(start, end) }));
  }

  /** Begins a part. */
  ask(source: Source, range: Range): Part {
    this.isWaiting = false;
    const part = beginPart(source, range);
    this.#parts.push(part);
    return part;
  }

  /**
   * Notes the size a source says.
   *
   * @returns false where another one said another: one of them lies
   */
  claim(source: Source, size: number): boolean {
    this.#claims.set(source, size);
    this.likelyBytes = size;
    const known = this.#size ?? this.#kept?.size;
    if (known !== undefined && known !== size) return false;
    this.#size = size;
    for (const part of this.#parts) part.end = Math.min(part.end, size);
    return true;
  }

  /** Puts bytes where they belong; those that are another source's by now are left out. */
  write(part: Part, piece: Uint8Array, newRoom: () => Room): void {
    const bytes = piece.subarray(0, Math.max(0, part.end - part.at));
    if (!part.isOpen || bytes.length === 0) return;
    const to = part.at + bytes.length;
    const size = this.#size ?? Math.max(to, this.#kept?.size ?? 0);
    this.#reserve(newRoom, size).set(bytes, part.at);
    part.at = to;
    part.pace.add(bytes.length);
  }

  /** Leaves the rest of a part, from a byte on or from where it is, to another source. */
  cut(part: Part, from: number): Range {
    const rest = { start: Math.max(from, part.at), end: part.end };
    part.end = rest.start;
    if (part.at >= part.end) this.#stop(part);
    return rest;
  }

  /** Ends a part where it is; what it did not bring is a gap. */
  close(part: Part): void {
    if (!part.isOpen) return;
    part.isOpen = false;
    part.pace.end();
    if (part.at < part.end) this.gaps.push({ start: part.at, end: part.end });
    part.end = part.at;
  }

  /** Takes away what a source brought: nothing of it is to be believed. */
  forget(source: Source): void {
    const own = this.#parts.filter((part) => part.source === source);
    if (own.length === 0) return;
    for (const part of own) {
      this.#stop(part);
      this.isSpoiled ||= !this.isAlone && part.keptTo > part.start;
      if (part.at > part.start) this.gaps.push({ start: part.start, end: part.at });
    }
    this.#parts = this.#parts.filter((part) => part.source !== source);
    const isKept = this.#loaded !== undefined && !this.isAlone;
    if (this.#parts.length === 0 && !isKept) this.restart();
  }

  /** The value, once all of it is there. */
  whole(): Uint8Array | undefined {
    if (this.isWaiting || this.isDone || this.gaps.length > 0) return undefined;
    if (this.#parts.some((part) => part.isOpen)) return undefined;
    const ends = this.#parts.map((part) => part.at);
    const length = Math.max(0, this.#loaded?.at(-1)?.end ?? 0, ...ends);
    return (this.#room?.bytes ?? new Uint8Array()).subarray(0, length);
  }

  /** Whether nobody is at it, and nothing that came can be gone on with. */
  get isStuck(): boolean {
    if (this.isWaiting || this.open.length > 0 || this.gaps.length === 0) return false;
    return this.isAlone || this.#parts.every((part) => part.at === part.start);
  }

  /** Whether these are the bytes that are wanted. */
  isRight(value: Uint8Array): boolean {
    return bytesEqual(hash(value), this.hash);
  }

  /** Who brought something of it. */
  contributors(): Set<Source> {
    const parts = this.#parts.filter((part) => part.at > part.start);
    return new Set((parts.length > 0 ? parts : this.#parts).map((part) => part.source));
  }

  /** Who brought other bytes than the right ones, or said another size. */
  liars(value: Uint8Array): Set<Source> {
    const liars = new Set<Source>();
    for (const [source, size] of this.#claims) if (size !== value.length) liars.add(source);
    const { parts = [], bytes = value } = this.#evidence ?? {};
    for (const { source, start, at } of parts) {
      if (!bytesEqual(bytes.subarray(start, at), value.subarray(start, at))) liars.add(source);
    }
    return liars;
  }

  /** Begins again, as if nobody had been asked. */
  restart(): void {
    for (const part of this.#parts) this.#stop(part);
    this.#parts = [];
    this.gaps = [];
    this.#kept = undefined;
    this.#loaded = undefined;
    this.#size = undefined;
    this.isWaiting = true;
  }

  /** Begins again with one source at a time; what several brought is kept, to find the liar. */
  beginAlone(): void {
    for (const part of this.#parts) this.#stop(part);
    const bytes = this.#room?.bytes;
    if (bytes !== undefined && this.#evidence === undefined) {
      this.#evidence = { parts: this.#parts, bytes };
      this.#room = undefined;
    }
    this.isAlone = true;
    this.isSpoiled = true;
    this.restart();
  }

  /** It is there: nothing more is read. */
  finish(): void {
    for (const part of this.#parts) this.#stop(part);
    this.isDone = true;
    this.#evidence = undefined;
  }

  /** Returns its memory, for another value. */
  giveBack(): Room | undefined {
    const room = this.#room;
    this.#room = undefined;
    return room;
  }

  #stop(part: Part): void {
    if (!part.isOpen) return;
    this.close(part);
    part.abandon?.();
  }

  #reserve(newRoom: () => Room, length: number): Uint8Array {
    const own = this.#room ?? newRoom();
    this.#room = own;
    if (own.bytes.length < length) {
      const doubled = Math.min(LIMITS.recordBytes, own.bytes.length * 2);
      const grown = new Uint8Array(length === this.#size ? length : Math.max(length, doubled));
      // What was used before for another value is not worth copying.
      const isUsed = this.#loaded !== undefined || this.#parts.some((part) => part.at > part.start);
      if (isUsed) grown.set(own.bytes);
      own.bytes = grown;
    }
    if (this.#kept !== undefined && this.#loaded === undefined) {
      this.#loaded = this.#kept.load(own.bytes);
      this.gaps.push(...withoutRanges(this.#kept.ranges, this.#loaded));
    }
    return own.bytes;
  }
}
