/** A code that a phone reads from the terminal: where a site is on the local network, with its key. */
import { renderSVG, renderUnicodeCompact } from 'uqr';
import { parseStreamId } from '../core/stream-id.ts';
import type { ServedStream } from './daemon.ts';
import { lanAddressIn } from './share-address.ts';

/** White around a code, in squares. */
const QUIET = 2;
/** The same on paper, as the standard has it. */
const QUIET_PRINTED = 4;

/**
 * Returns the address under which other machines open the only site that is served; its path has the key,
 * so that a mirror can be made of it too. Undefined where there are several, or no network.
 */
export function lanAddressOf(streams: readonly ServedStream[]): string | undefined {
  const [only] = streams;
  if (only === undefined || streams.length > 1) return undefined;
  return lanAddressIn(parseStreamId(only.id), only.addresses);
}

/** Returns the lines of the code: light squares are drawn, so the text has to be light on dark. */
export function renderCode(text: string): string[] {
  return renderUnicodeCompact(text, { border: QUIET, ecc: 'L' }).split('\n');
}

/** Returns the code as an SVG picture, dark on white whatever it is put on. */
export function renderCodeSvg(text: string): string {
  // Paper is folded and gets dirty.
  const svg = renderSVG(text, { border: QUIET_PRINTED, ecc: 'M' });
  const label = text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  return `${svg.replace('<svg ', `<svg role="img" aria-label="QR code: ${label}" `)}\n`;
}
