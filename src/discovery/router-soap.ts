/** Actions of the service of a router that opens ports, over SOAP. */
import { isIPv4 } from 'node:net';
import { askRouter, type RouterPlace } from './router-http.ts';
import { misbehaved } from './router-mapper.ts';
import { escapeXml, textOf } from './router-xml.ts';

/** The service of the router that opens ports, WANIPConnection or WANPPPConnection. */
export type RouterService = { readonly type: string; readonly place: RouterPlace };

/** What an action comes to: an answer, or the number of the error. */
export type SoapAnswer = {
  readonly text: string;
  readonly fault: number | undefined;
  /** What the router says of the error. */
  readonly reason: string;
};

/** Numbers of errors that say what to do instead. */
export const FAULT = { arguments: 402, noEntry: 714, conflict: 718, onlyPermanent: 725 } as const;

const REASONS = new Map([
  [401, 'it does not know what was asked'],
  [501, 'it could not'],
  [606, 'UPnP is not allowed to open ports there'],
  [718, 'the ports that were tried lead to others'],
  [728, 'it has no port left'],
]);
const MOST_CHARS = 80;

/**
 * Has an action done.
 *
 * @throws {DrayerError} UNREACHABLE, PEER_MISBEHAVED for anything that is neither an answer nor an error
 */
export async function callService(
  { type, place }: RouterService,
  [action, values]: readonly [string, Readonly<Record<string, string | number>>],
  signal: AbortSignal,
): Promise<SoapAnswer> {
  const fields = Object.entries(values)
    .map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`)
    .join('');
  const body =
    '<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
    `<u:${action} xmlns:u="${type}">${fields}</u:${action}></s:Body></s:Envelope>\r\n`;
  const headers = {
    'Content-Type': 'text/xml; charset="utf-8"',
    SOAPAction: `"${type}#${action}"`,
  };
  const { status, text } = await askRouter(place, signal, { body, headers });
  if (status === 200 && textOf(text, `${action}Response`) !== undefined) {
    return { text, fault: undefined, reason: '' };
  }
  const fault = /^\d{3}$/.exec(textOf(text, 'errorCode') ?? '')?.[0];
  if (fault === undefined) throw misbehaved(place.gateway, `status ${status} to ${action}`);
  const said = (textOf(text, 'errorDescription') ?? '').slice(0, MOST_CHARS);
  const reason = REASONS.get(Number(fault)) ?? `UPnP error ${fault} ${said}`.trimEnd();
  return { text, fault: Number(fault), reason };
}

/** The router's address at the outside; undefined where it says that it has none. */
export async function outsideAddressOf(
  service: RouterService,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { text, fault } = await callService(service, ['GetExternalIPAddress', {}], signal);
  const address = textOf(text, 'NewExternalIPAddress') ?? '';
  return fault === undefined && isIPv4(address) && address !== '0.0.0.0' ? address : undefined;
}
