/** What tells that a disk file has not changed: size, modification and change time, identity. */
import type { BigIntStats, Stats } from 'node:fs';
import type { Micros } from '../core/record.ts';

/**
 * Folds a stat into a short text, its stamp; equal stamps mean an unchanged file, if it
 * {@link isSettled}. Both kinds of stat give the same.
 *
 * The change time is in it because tools can set the modification time back but not that one; the
 * price is that a chmod makes a file be read once more. Times are milliseconds as Node gives them, to a
 * quarter of a microsecond: exact stats take a third longer to get, and no two states of a file that
 * has settled are that close.
 */
export function stampOf(stat: Stats | BigIntStats): string {
  if (!('mtimeNs' in stat)) return stampFrom(stat);
  return stampFrom({
    size: Number(stat.size),
    mtimeMs: millisOf(stat.mtimeNs),
    ctimeMs: millisOf(stat.ctimeNs),
    dev: Number(stat.dev),
    ino: Number(stat.ino),
  });
}

/** Tells whether two stats of an open file are of one state of it. */
export function isSameState(one: BigIntStats, other: BigIntStats): boolean {
  return one.mtimeNs === other.mtimeNs && one.ctimeNs === other.ctimeNs && one.size === other.size;
}

/** What a stamp is made of. */
export type StampFields = Pick<Stats, 'size' | 'mtimeMs' | 'ctimeMs' | 'dev' | 'ino'>;

/** Makes a stamp; see {@link stampOf}. */
export function stampFrom({ size, mtimeMs, ctimeMs, dev, ino }: StampFields): string {
  return `${size} ${mtimeMs} ${ctimeMs} ${dev}:${ino}`;
}

/** Returns what a stamp was made of. */
export function fieldsOf(stamp: string): StampFields {
  const [size = 0, mtimeMs = 0, ctimeMs = 0, dev = 0, ino = 0] = stamp.split(/[ :]/).map(Number);
  return { size, mtimeMs, ctimeMs, dev, ino };
}

// As Node does it, so that the last bit is the same.
function millisOf(ns: bigint): number {
  return Number(ns / 1_000_000_000n) * 1000 + Number(ns % 1_000_000_000n) / 1e6;
}

/** The size in a stamp, bytes; NaN where there is no stamp. */
export function sizeIn(stamp: string): number {
  return Number.parseInt(stamp, 10);
}

/** The change time in a stamp, ms since 1970. */
export function changedMs(stamp: string): number {
  return Number(stamp.split(' ', 3)[2]);
}

/** The modification time in micros. */
export function mtimeMicros(stat: BigIntStats): Micros {
  return Number(stat.mtimeNs / 1000n);
}

/**
 * How long after a change the same file can change again without its times telling, ms. Kernels stamp
 * files with a clock that ticks every 1 to 10 ms; file systems that keep whole seconds need 2.
 */
export function settleMs(stat: BigIntStats): number {
  return stat.ctimeNs % 1_000_000_000n === 0n ? 2000 : 20;
}

/** How long ago the file was changed last, ms; negative when its times are in the future. */
export function ageMs(stat: BigIntStats, nowMs: number): number {
  return nowMs - Number(stat.ctimeNs / 1000n) / 1000;
}

/**
 * Tells whether a change after `nowMs` would show in the file's times. Only what was read in a settled
 * state may be remembered by its stamp (git calls the other kind racily clean).
 */
export function isSettled(stat: BigIntStats, nowMs: number): boolean {
  return ageMs(stat, nowMs) >= settleMs(stat);
}
