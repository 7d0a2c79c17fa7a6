/** What tells that a disk file has not changed: size, modification and change time, identity. */
import type { BigIntStats } from 'node:fs';
import type { Micros } from '../core/record.ts';

/** The part of a stat that is remembered; equal stamps mean an unchanged file, if it {@link isSettled}. */
export type DiskStamp = {
  readonly size: number;
  readonly mtimeNs: bigint;
  /** The inode number, with device and change time folded in; 64 bits, good for comparing only. */
  readonly ino: bigint;
};

// Odd, so that no bit of the times is lost; large, so that near times do not meet near inodes.
const SPREAD = 0x9e37_79b9_7f4a_7c15n;

/**
 * Returns the stamp of a file.
 *
 * The change time is in it because tools can set the modification time back but not that one; the
 * price is that a chmod makes a file be read once more.
 */
export function stampOf(stat: BigIntStats): DiskStamp {
  const ino = BigInt.asUintN(64, stat.ino + (stat.dev + stat.ctimeNs * SPREAD) * SPREAD);
  return { size: Number(stat.size), mtimeNs: stat.mtimeNs, ino };
}

/** Tells whether two stamps are equal. */
export function isSameStamp(a: DiskStamp, b: DiskStamp): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ino === b.ino;
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
