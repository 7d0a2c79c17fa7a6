/** Numbers and times as people read them. Pure; the same in every locale, so that output can be compared. */
import type { Micros } from '../core/record.ts';
import type { SignatureState } from '../store/unchecked.ts';

/** `1 file`, `12,345 files`. */
export function count(n: number, noun: string, plural: string = `${noun}s`): string {
  return `${number(n)} ${n === 1 ? noun : plural}`;
}

/** `12,345`. */
export function number(n: number): string {
  // Not toLocaleString: the first use of it loads the locales, 15 ms, and each takes 6 µs.
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `731 bytes`, `4.2 KB`, `1.3 GB`; thousands, as file managers show them. */
export function bytes(n: number): string {
  if (n < 1000) return count(n, 'byte');
  let size = n;
  let unit = '';
  for (const next of ['KB', 'MB', 'GB', 'TB']) {
    if (size < 999.5) break;
    size /= 1000;
    unit = next;
  }
  return `${size < 9.95 ? size.toFixed(1) : Math.round(size)} ${unit}`;
}

/** `2026-11-22 18:48:17` in UTC; `never` for 0. */
export function time(micros: Micros): string {
  if (micros === 0) return 'never';
  const date = new Date(micros / 1000);
  // Beyond the year 275760 a Date is invalid; a record may say so all the same.
  if (Number.isNaN(date.getTime())) return `${micros} µs`;
  return date.toISOString().slice(0, 19).replace('T', ' ');
}

/** `0.4 s`, `12 s`, `3 min 20 s`. */
export function duration(ms: number): string {
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Rows as columns, padded with spaces; `right` lists the columns that are aligned to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, i) => {
        const width = widths[i] ?? 0;
        return right.includes(i) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

/** A path or URL as it can be pasted into a shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./~-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A stream id in words as rows of a {@link table}: eight to a line, as one reads them aloud. */
export function wordRows(label: string, words: string): string[][] {
  const lines = words.match(/(?:\S+ ?){1,8}/g) ?? [];
  return lines.map((line, i) => [i === 0 ? label : '', line.trim()]);
}

/** What there is to say of signatures that are not checked; undefined of those that are. */
export function describeSignatures(state: SignatureState): string | undefined {
  if (state === 'checked') return undefined;
  return state === 'unchecked'
    ? 'not checked yet: whoever serves it first checks them, then peers are given it too'
    : 'wrong ones came from its source: it is shown, and given to no peer; drayer mirror URL';
}
