/** Where a mirror comes from and how fresh it is, for `info`. */
import {
  type KnownSource,
  lastHeard,
  readMemory,
  type SourceMemory,
} from '../mirror/source-memory.ts';
import type { Generation } from '../store/reader.ts';
import { count, duration, number, time } from './format.ts';
import { visible } from './terminal.ts';

/** The lines, and the same for machines; neither where nothing is known. */
export type SourceRows = { readonly rows: string[][]; readonly json: object };

/** How many sources are told one by one. */
const MOST = 8;

/** Tells what a mirror remembers of its sources. */
export function describeSources(path: string, { snapshot }: Generation): SourceRows {
  const memory = readMemory(path);
  const { changedAt } = memory;
  const staleAt = snapshot === undefined || snapshot.exp === 0 ? undefined : snapshot.exp / 1000;
  const isStale = staleAt !== undefined && staleAt < Date.now();
  const stale = isStale
    ? [['stale', `since ${time(staleAt * 1000)}: nothing newer was found`]]
    : [];
  if (memory.sources.length === 0) return { rows: stale, json: {} };
  return {
    rows: [...stale, ...freshness(memory), ...sources(memory)],
    json: {
      fresh: { changedAt, heardAt: lastHeard(memory), isStale },
      sourcesLeftOut: memory.leftOut ?? 0,
      sources: memory.sources,
    },
  };
}

function freshness(memory: SourceMemory): string[][] {
  return [
    ['changed', ago(memory.changedAt)],
    ['heard', `a source answered ${ago(lastHeard(memory))}`],
  ];
}

function sources({ sources: all, leftOut = 0 }: SourceMemory): string[][] {
  const best = [...all].sort((a, b) => b.score - a.score);
  const rows = best.slice(0, MOST).map((one) => ['source', describe(one)]);
  const left = all.length - MOST;
  if (left > 0) rows.push(['', `and ${count(left, 'source')} more`]);
  if (leftOut > 0)
    rows.push(['', `${number(leftOut)} not asked in the last round have their turn`]);
  return rows;
}

function describe({ address, kind, heardAt, fault, fellTo, tip, seq }: KnownSource): string {
  const how = { given: '', named: ', named by the stream', found: ', found nearby' }[kind];
  const shown = seq === undefined ? time(tip) : `generation ${seq}`;
  const state = heardAt === 0 ? 'never answered' : `showed ${shown} ${ago(heardAt)}`;
  const fell = fellTo === undefined ? '' : `, has gone back to ${time(fellTo)}`;
  const failed = fault === undefined ? '' : `, last time ${fault}`;
  return visible(`${address}${how}: ${state}${fell}${failed}`);
}

function ago(ms: number): string {
  if (ms === 0) return 'never';
  return `${duration(Math.max(0, Date.now() - ms))} ago, ${time(ms * 1000)}`;
}
