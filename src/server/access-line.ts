/** A line of the access log: the Common Log Format of all web servers, or JSON. Pure. */
import { type AddressDetail, cutAddress } from './push-address.ts';
import type { SeenRequest } from './request-watch.ts';

/** How a line is written. */
export type AccessFormat = 'common' | 'json';

/** What there is to say of a request. */
export type Access = {
  readonly seen: SeenRequest;
  /** The client's address in full. */
  readonly address: string | undefined;
  /** How much of it is written down. Default: its network. */
  readonly detail?: AddressDetail | undefined;
};

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** Returns the line, without its end. Whatever a client sent, it is one line of printable ASCII. */
export function accessLine(access: Access, format: AccessFormat): string {
  return format === 'common' ? commonLine(access) : jsonLine(access);
}

function commonLine({ seen, address, detail }: Access): string {
  const { request, status, bytes, cameMs } = seen;
  const { method = '-', url = '-', httpVersion } = request;
  const line = `${escaped(method)} ${escaped(url)} HTTP/${httpVersion}`;
  const who = cutAddress(address, detail) ?? '-';
  return `${who} - - [${commonTime(cameMs)}] "${line}" ${status} ${bytes === 0 ? '-' : bytes}`;
}

function jsonLine({ seen, address, detail }: Access): string {
  const { request, status, bytes, ms, cameMs, isCut } = seen;
  const { method, url, headers, httpVersion } = request;
  const line = JSON.stringify({
    time: new Date(cameMs).toISOString(),
    address: cutAddress(address, detail),
    method,
    host: headers.host,
    target: url,
    version: httpVersion,
    status,
    bytes,
    ms: Math.round(ms * 10) / 10,
    cut: isCut || undefined,
    range: headers.range,
    referer: headers.referer,
    agent: headers['user-agent'],
  });
  return line.replace(/[^ -~]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** `23/Nov/2026:01:30:00 +0000`, always UTC. */
function commonTime(ms: number): string {
  const time = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${two(time.getUTCDate())}/${MONTHS[time.getUTCMonth()]}/${time.getUTCFullYear()}`;
  const clock = [time.getUTCHours(), time.getUTCMinutes(), time.getUTCSeconds()].map(two).join(':');
  return `${day}:${clock} +0000`;
}

/** As nginx escapes: what would end the field, or do something to a terminal. */
function escaped(text: string): string {
  return text.replace(/[^ -~]|["\\]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}
