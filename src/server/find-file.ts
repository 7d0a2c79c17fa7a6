/**
 * What a path of a site stands for, in one generation: a file, another address, a folder, or nothing.
 * Files come first, in the order of path-candidates.ts; then what the site says in its `_redirects`;
 * then what the operator has asked for.
 */
import type { Micros, SignedRecord } from '../core/record.ts';
import { candidatesOf, encodeSitePath } from '../files/path-candidates.ts';
import { findLead, isOfApp } from '../files/site-redirects.ts';
import type { StreamReader } from '../store/reader.ts';
import { listFolder } from './folder-list.ts';
import type { HeldValue } from './held-bytes.ts';
import type { SiteRules } from './site-rules.ts';
import { readShared } from './value.ts';
import type { DistantValue, ValueCache } from './value-cache.ts';

/** Where to look, and what the operator has asked for. */
export type Lookup = {
  readonly reader: StreamReader;
  readonly values: ValueCache;
  /** Whether `index.html` stands for every page that is none; scripts and images stay missing. */
  readonly spa: boolean;
  /** Whether a folder without `index.html` shows what is in it. */
  readonly listing: boolean;
  /** Asked only where it matters: whether a page is wanted. */
  wantsPage(key: string): boolean;
};

/** A file of a generation. */
export type FoundFile = {
  readonly kind: 'file';
  readonly status: number;
  readonly record: SignedRecord;
  /** A large one may have to be fetched. */
  readonly value: HeldValue | DistantValue;
  /** The generation it is of. */
  readonly tip: Micros;
};

/** What a path stands for; a `location` that begins with `/` is one of the site's own. */
export type Found =
  | FoundFile
  | { readonly kind: 'redirect'; readonly location: string; readonly status: number }
  | { readonly kind: 'folder'; readonly prefix: string };

/** Looks a path up; undefined where it stands for nothing. */
export function find(lookup: Lookup, key: string, rules: SiteRules): Found | undefined {
  return (
    findFile(lookup, key) ??
    findLed(lookup, key, rules) ??
    findApp(lookup, key) ??
    findFolder(lookup, key)
  );
}

/** Looks for a file under this name, or where it redirects to. */
export function findFile(lookup: Lookup, key: string, status = 200): Found | undefined {
  for (const candidate of candidatesOf(key)) {
    const record = lookup.reader.findRecord('file', candidate.key);
    if (record === undefined) continue;
    if (candidate.kind === 'redirect') {
      return { kind: 'redirect', location: candidate.path, status: 308 };
    }
    const value = readShared(lookup.reader, lookup.values, record);
    return { kind: 'file', status, record, value, tip: lookup.reader.view.modifiedTip() };
  }
  return undefined;
}

/** By `_redirects`. What it names has to be a file: no rule leads to another. */
function findLed(lookup: Lookup, key: string, { redirects }: SiteRules): Found | undefined {
  const lead = findLead(redirects, key);
  if (lead === undefined || lead.kind === 'redirect') return lead;
  const found = findFile(lookup, lead.key, lead.status);
  if (found?.kind !== 'file') return undefined;
  // `/* /index.html 200` is how an application asks for its one page, not for its missing scripts.
  return isOfApp(lead, found.record.key) && !lookup.wantsPage(key) ? undefined : found;
}

function findApp(lookup: Lookup, key: string): Found | undefined {
  if (!lookup.spa || !lookup.wantsPage(key)) return undefined;
  return findFile(lookup, '');
}

function findFolder({ reader, listing }: Lookup, key: string): Found | undefined {
  const prefix = key === '' || key.endsWith('/') ? key : `${key}/`;
  if (!listing || listFolder(reader, prefix, 1).length === 0) return undefined;
  if (prefix === key) return { kind: 'folder', prefix };
  return { kind: 'redirect', location: encodeSitePath(prefix), status: 308 };
}
