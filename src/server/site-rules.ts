/**
 * What a site says of how it is served, `_redirects` and `_headers`, read from the generation that is
 * served and kept for as long as that stays.
 */
import { gunzipSync } from 'node:zlib';
import { isDrayerError } from '../core/errors.ts';
import { decodeFile } from '../files/file-record.ts';
import {
  MOST_RULE_BYTES,
  parseRedirects,
  REDIRECTS_KEY,
  type RedirectRules,
} from '../files/site-redirects.ts';
import type { StreamReader } from '../store/reader.ts';
import { HEADERS_KEY, type HeaderRules, parseSiteHeaders } from './site-headers.ts';

/** The rules of a site, in one generation. */
export type SiteRules = { readonly redirects: RedirectRules; readonly headers: HeaderRules };

const kept = new WeakMap<StreamReader, { readonly counter: number; readonly rules: SiteRules }>();

/** Returns the rules of the site in a stream; none where the files are missing, damaged or too long. */
export function rulesOf(reader: StreamReader): SiteRules {
  const counter = reader.changeCounter();
  const known = kept.get(reader);
  if (known?.counter === counter) return known.rules;
  const rules = {
    redirects: parseRedirects(readText(reader, REDIRECTS_KEY)),
    headers: parseSiteHeaders(readText(reader, HEADERS_KEY)),
  };
  kept.set(reader, { counter, rules });
  return rules;
}

function readText(reader: StreamReader, key: string): string {
  const record = reader.findRecord('file', key);
  const size = record && reader.valueSize(record);
  if (record === undefined || size === undefined || size > 2 * MOST_RULE_BYTES) return '';
  const value = reader.readValue(record);
  if (value === undefined) return '';
  try {
    const text = gunzipSync(decodeFile(value).gzip, { maxOutputLength: MOST_RULE_BYTES });
    return new TextDecoder().decode(text);
  } catch (error) {
    // Longer than it may be, or damaged: the file itself says so to who asks for it.
    if (isDrayerError(error) || isZlibError(error)) return '';
    throw error;
  }
}

function isZlibError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('Z_') || code === 'ERR_BUFFER_TOO_LARGE';
}
