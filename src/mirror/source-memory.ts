/**
 * What a mirror remembers of its sources, in a file beside the stream file: who was good, who is left
 * alone for a while and why, the newest each has shown, and when the last of them was heard. Lost, it costs
 * time and nothing else: what protects from an older state is the trust state.
 */

import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { isDrayerError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { fileError, readTextIfThere } from '../store/durable-file.ts';
import type { SourceKind } from './candidates.ts';

/** One source as it is remembered. */
export type KnownSource = {
  /** Where the stream's operations begin. */
  readonly address: string;
  readonly kind: SourceKind;
  /** From −10 to 10: what it was worth in the last rounds. */
  readonly score: number;
  /** Failures in a row. */
  readonly failures: number;
  /** Not asked again before, ms since 1970; 0 for at once. */
  readonly restsUntil: number;
  /** Code of the last failure, if that was the last that came of it. */
  readonly fault?: string | undefined;
  /** The newest record it has ever shown, and its snapshot's number where it was one. */
  readonly tip: number;
  readonly seq?: number | undefined;
  /** What it showed when it was last asked, if that was less: it has gone back. */
  readonly fellTo?: number | undefined;
  /** When it last answered, ms since 1970; 0 for never. */
  readonly heardAt: number;
};

/** All that is remembered. */
export type SourceMemory = {
  readonly sources: readonly KnownSource[];
  /** When the visible generation was checked and put in place here, ms since 1970; 0 for unknown. */
  readonly changedAt: number;
  /** Where there were too many to ask all: the host whose turn it was last. */
  readonly turn?: string | undefined;
  /** How many were not asked in the last round; they have their turn. */
  readonly leftOut?: number | undefined;
};

/** Longest time for which a source is left alone, ms. */
export const LONGEST_REST_MS: number = 24 * 3_600_000;
/** Most sources that are remembered: those given by hand, and the best of all others. */
const MOST = 128;
/** A file that only says "heard again" is not written more often than this, ms. */
const HEARD_EVERY_MS = 60_000;

/** Path of the memory of the stream at `streamPath`. */
export function memoryPathOf(streamPath: string): string {
  return `${streamPath}.sources`;
}

/**
 * Reads the memory; one that cannot be read or understood is as good as none. Times that cannot be, because
 * the clock was set back since, count as unknown.
 */
export function readMemory(streamPath: string, nowMs: number = Date.now()): SourceMemory {
  const { sources, changedAt, ...rest } = parseMemory(readText(streamPath));
  return {
    ...rest,
    sources: sources.map((source) => ({
      ...source,
      restsUntil: source.restsUntil > nowMs + LONGEST_REST_MS ? 0 : source.restsUntil,
      heardAt: pastOr0(source.heardAt, nowMs),
    })),
    changedAt: pastOr0(changedAt, nowMs),
  };
}

function readText(streamPath: string): string {
  try {
    return readTextIfThere(memoryPathOf(streamPath), 'what is known of the sources') ?? '';
  } catch (error) {
    if (isDrayerError(error, 'STORAGE_FAILED')) return '';
    throw error;
  }
}

/**
 * Writes it, where it says anything that is not known yet. Not waited for: it may be lost.
 *
 * @throws {DrayerError} STORAGE_FAILED
 */
export function writeMemory(streamPath: string, before: SourceMemory, after: SourceMemory): void {
  if (!isWorthWriting(before, after)) return;
  const path = memoryPathOf(streamPath);
  // Each process has its own: two may be at it in the same moment.
  const part = `${path}.${process.pid}.part`;
  const given = after.sources.filter(({ kind }) => kind === 'given');
  const others = after.sources.filter(({ kind }) => kind !== 'given');
  const sources = [...given, ...others.sort((a, b) => b.score - a.score)].slice(0, MOST);
  try {
    writeFileSync(part, `${JSON.stringify({ v: 1, ...after, sources })}\n`, { mode: 0o600 });
    renameSync(part, path);
  } catch (cause) {
    throw fileError(path, 'cannot keep what is known of the sources', cause);
  } finally {
    rmSync(part, { force: true });
  }
}

/** When any source was heard last, ms since 1970; 0 for never. */
export function lastHeard({ sources }: SourceMemory): number {
  return sources.reduce((latest, { heardAt }) => Math.max(latest, heardAt), 0);
}

function isWorthWriting(before: SourceMemory, after: SourceMemory): boolean {
  if (lastHeard(after) - lastHeard(before) >= HEARD_EVERY_MS) return true;
  return meaning(before) !== meaning(after);
}

function meaning({ sources, changedAt, turn, leftOut }: SourceMemory): string {
  const said = sources.map(({ heardAt: _, score: __, ...rest }) => JSON.stringify(rest));
  return `${changedAt} ${turn} ${leftOut} ${said.sort().join()}`;
}

function parseMemory(text: string): SourceMemory {
  const none = { sources: [], changedAt: 0 };
  const { sources, changedAt, turn, leftOut } = parseJsonObject(text) ?? {};
  if (!Array.isArray(sources)) return none;
  return {
    sources: sources.filter(isKnown).slice(0, MOST),
    changedAt: countOr0(changedAt),
    ...(typeof turn === 'string' ? { turn, leftOut: countOr0(leftOut) } : {}),
  };
}

function isKnown(value: unknown): value is KnownSource {
  if (typeof value !== 'object' || value === null) return false;
  const one = value as Partial<{ [name in keyof KnownSource]: unknown }>;
  const numbers = [one.failures, one.restsUntil, one.tip, one.heardAt];
  const isKind = one.kind === 'given' || one.kind === 'named' || one.kind === 'found';
  const isCounted = numbers.every((n) => countOr0(n) === n) && Number.isInteger(one.score);
  return typeof one.address === 'string' && isKind && isCounted;
}

function pastOr0(ms: number, nowMs: number): number {
  return ms > nowMs ? 0 : ms;
}

function countOr0(value: unknown): number {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : 0;
}
