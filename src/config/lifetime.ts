/** How long a generation is fresh, as people write it. */

const HOUR = 3_600_000_000;
const UNITS: Readonly<Record<string, number>> = { hour: HOUR, day: 24 * HOUR, week: 168 * HOUR };
/** Ten years. */
const LONGEST = 87_600 * HOUR;

/** Micros of `12 hours`, `30 days`, `1 week`; 0 for `never`. Undefined for anything else, and above ten years. */
export function parseLifetime(text: string): number | undefined {
  if (text === 'never') return 0;
  const [, digits, unit = ''] = /^([1-9]\d{0,4}) ?(hour|day|week)s?$/.exec(text) ?? [];
  const micros = Number(digits) * (UNITS[unit] ?? Number.NaN);
  return micros <= LONGEST ? micros : undefined;
}
