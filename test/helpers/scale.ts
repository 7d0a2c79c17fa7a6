/** How much a randomized test does, and the seed it prints. */
import { env } from 'node:process';

const scale = Number(env['DRAYER_TEST_SCALE'] ?? 1);
const givenSeed = env['DRAYER_TEST_SEED'];

/** `count` times DRAYER_TEST_SCALE: 1 for a quick run, more for a slow one. */
export function scaled(count: number): number {
  return Math.max(1, Math.round(count * scale));
}

/** A seed, DRAYER_TEST_SEED if that is set. Print it with a failure. */
export function freshSeed(): number {
  return givenSeed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(givenSeed);
}

/** Random numbers from a seed: the same seed, the same numbers. */
export type Random = {
  /** An integer from 0 up to, not including, `end`. */
  below(end: number): number;
  /** True once in `n` on average. */
  oneIn(n: number): boolean;
  /** One of these. */
  pick<T>(from: readonly T[]): T;
};

/** Random numbers from a seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end: number): number => Math.floor(next() * end);
  return { below, oneIn: (n) => below(n) === 0, pick: (from) => from[below(from.length)] as never };
}
