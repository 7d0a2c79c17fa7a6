/** Dates as HTTP writes and reads them (RFC 9110 §5.6.7). Seconds; nothing below them. */

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const LONG_DAY = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';
const TIME = '(?<time>\\d{2}:\\d{2}:\\d{2})';
const MONTH = `(?<month>${MONTHS.join('|')})`;

/** IMF-fixdate, RFC 850 and asctime. Date.parse() alone takes almost anything, "0" for one. */
const FORMS: readonly RegExp[] = [
  new RegExp(`^${DAY}, (?<day>\\d{2}) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^${LONG_DAY}, (?<day>\\d{2})-${MONTH}-(?<year>\\d{2}) ${TIME} GMT$`),
  new RegExp(`^${DAY} ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
];

/** Writes a time in ms since 1970 as an HTTP date. */
export function formatHttpDate(ms: number): string {
  return new Date(ms).toUTCString();
}

/**
 * Reads an HTTP date in any of its three forms as ms since 1970; undefined for anything else, also for
 * a day or a time that does not exist.
 *
 * @param nowMs - tells the century of a year in two digits
 */
export function parseHttpDate(text: string, nowMs: number = Date.now()): number | undefined {
  for (const form of FORMS) {
    const { day, month = '', year = '', time = '' } = form.exec(text)?.groups ?? {};
    if (day === undefined) continue;
    const [hour = 0, minute = 0, second = 0] = time.split(':').map(Number);
    // 60 is a leap second, which no clock here counts.
    if (hour > 23 || minute > 59 || second > 60) return undefined;
    const index = MONTHS.indexOf(month);
    const fullYear = year.length === 4 ? Number(year) : centuryOf(Number(year), nowMs);
    const ms = Date.UTC(fullYear, index, Number(day), hour, minute, Math.min(second, 59));
    // Date.UTC() carries what is too much into the next month, and takes the year 1 for 1901.
    const isReal = new Date(ms).getUTCMonth() === index;
    return isReal && fullYear >= 1000 ? ms : undefined;
  }
  return undefined;
}

// RFC 9110 §5.6.7: a year that seems more than 50 years ahead is of the last century.
function centuryOf(year: number, nowMs: number): number {
  const now = new Date(nowMs).getUTCFullYear();
  const guess = now - (now % 100) + year;
  return guess > now + 50 ? guess - 100 : guess;
}
