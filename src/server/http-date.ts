/** Dates as HTTP writes and reads them (RFC 9110 §5.6.7). Seconds; nothing below them. */

const FORMS: readonly RegExp[] = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
];
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/** Writes a time in ms since 1970 as an HTTP date. */
export function formatHttpDate(ms: number): string {
  return new Date(ms).toUTCString();
}

/** Reads an HTTP date in any of its three forms as ms since 1970; undefined for anything else. */
export function parseHttpDate(text: string): number | undefined {
  // Date.parse() alone takes almost anything, "0" for one, and reads asctime as local time.
  const dated = ASCTIME.test(text) ? `${text} GMT` : text;
  if (dated === text && !FORMS.some((form) => form.test(text))) return undefined;
  const ms = Date.parse(dated);
  return Number.isNaN(ms) ? undefined : ms;
}
