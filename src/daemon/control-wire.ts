/**
 * What a daemon and the commands say to each other over its socket: one JSON object a line. The daemon
 * speaks first and says who it is; then one order, and its progress and its end.
 */
import { DrayerError, type ErrorCode, isErrorCode } from '../core/errors.ts';
import { isObject, parseJsonObject } from '../core/json.ts';
import type { MirrorReport } from '../mirror/mirror.ts';
import type { MirrorProgress, Quota } from '../mirror/session.ts';
import { isQuota, type KeptState } from './kept-mirrors.ts';
import type { HeardStream } from './nearby.ts';

/** Raised whenever an order means something else than before; both sides must have the same. */
export const CONTROL_VERSION = 1;

/** Longest line either side takes. */
export const MOST_LINE_BYTES: number = 1024 * 1024;

/** What the daemon says of itself to whoever comes. */
export type Greeting = {
  readonly drayer: number;
  /** Of the program. */
  readonly version: string;
  readonly pid: number;
  /** Where it serves. */
  readonly port: number;
};

/** To bring a mirror up to date and to keep it so; makes it where there is none. */
export type MirrorOrder = {
  /** Base64. */
  readonly id: string;
  /** Where to copy it from; without it, from where it came before. */
  readonly url?: string | undefined;
  /** More sources, beside it and those it came from before. */
  readonly from?: readonly string[] | undefined;
  /** Undefined leaves it as it is. */
  readonly isHidden?: boolean | undefined;
  /** Undefined leaves it as it is; an empty one lifts it. */
  readonly quota?: Quota | undefined;
  /** What else a mirror is told; passed on as it is. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
};

/** What a daemon can be asked. */
export type Order =
  | { readonly do: 'list' }
  | { readonly do: 'nearby' }
  | ({ readonly do: 'mirror' } & MirrorOrder)
  | { readonly do: 'unmirror'; readonly id: string }
  | { readonly do: 'serve'; readonly path: string; readonly name?: string | undefined }
  | { readonly do: 'changed'; readonly path: string };

/** What comes of each order. */
export type Results = {
  readonly list: ListedRun;
  /** What others on the local networks have; undefined where the daemon does not listen to them. */
  readonly nearby: { readonly streams?: readonly HeardStream[] | undefined };
  /** What `mirrorStream` reports, without the generation: that is read from the file. */
  readonly mirror: Omit<MirrorReport, 'generation' | 'failures'> & {
    readonly failures: readonly { readonly url: string; readonly error: WireError }[];
    readonly addresses: readonly string[];
  };
  readonly unmirror: { readonly path: string; readonly bytes: number };
  readonly serve: { readonly id: string; readonly addresses: readonly string[] };
  /** Addresses of the stream; empty where it is not served. */
  readonly changed: { readonly addresses: readonly string[] };
};

/** What a daemon knows that is in no file. */
export type ListedRun = {
  readonly streams: readonly ServedRun[];
  readonly kept: readonly KeptState[];
  /** Ids of streams of which the DHT shows something older than there is, or something else. */
  readonly disputed?: readonly string[] | undefined;
};

/** A stream that a daemon serves. */
export type ServedRun = {
  readonly id: string;
  readonly name?: string | undefined;
  readonly path: string;
  readonly addresses: readonly string[];
};

/** One line of an answer. */
export type Reply =
  | { readonly progress: MirrorProgress }
  | { readonly done: unknown }
  | { readonly error: WireError };

/** An error in transit. */
export type WireError = {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
};

/** Makes an error ready for the line. */
export function toWireError(error: unknown): WireError {
  if (error instanceof DrayerError) {
    const { code, message, hint, details } = error;
    return { code, message, hint, details };
  }
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
}

/** The same on the other side; a code that this program does not know becomes INTERNAL. */
export function fromWireError({ code, message, hint, details }: WireError): DrayerError {
  const known: ErrorCode = isErrorCode(code) ? code : 'INTERNAL';
  return new DrayerError(known, message, { hint, details });
}

/** Takes lines out of chunks. @throws {DrayerError} MALFORMED for one that is too long */
export class LineReader {
  #rest = '';

  /** The lines that end in this chunk. */
  take(chunk: string): string[] {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    const longest = Math.max(this.#rest.length, ...lines.map((line) => line.length));
    if (longest <= MOST_LINE_BYTES) return lines;
    throw new DrayerError(
      'MALFORMED',
      `expected lines of at most ${MOST_LINE_BYTES} characters, got one of ${longest} or more`,
    );
  }
}

/** Reads an order. @throws {DrayerError} MALFORMED saying what was expected */
export function parseOrder(line: string): Order {
  const order = parseObject(line);
  switch (order['do']) {
    case 'list':
      return { do: 'list' };
    case 'nearby':
      return { do: 'nearby' };
    case 'unmirror':
      return { do: 'unmirror', id: textOf(order, 'id') };
    case 'serve':
      return { do: 'serve', path: textOf(order, 'path'), name: optionalTextOf(order, 'name') };
    case 'changed':
      return { do: 'changed', path: textOf(order, 'path') };
    case 'mirror':
      return { do: 'mirror', ...parseMirrorOrder(order) };
    default:
      throw malformed('do', 'list, nearby, mirror, unmirror, serve or changed', order['do']);
  }
}

function parseMirrorOrder(order: Readonly<Record<string, unknown>>): MirrorOrder {
  const { isHidden, quota, options } = order;
  if (isHidden !== undefined && typeof isHidden !== 'boolean') {
    throw malformed('isHidden', 'a boolean', isHidden);
  }
  if (!isQuota(quota)) throw malformed('quota', 'a quota', quota);
  if (options !== undefined && !isObject(options)) throw malformed('options', 'an object', options);
  const from = order['from'];
  if (!isTexts(from)) throw malformed('from', 'a list of texts', from);
  const url = optionalTextOf(order, 'url');
  return { id: textOf(order, 'id'), url, from, isHidden, quota, options };
}

function parseObject(line: string): Readonly<Record<string, unknown>> {
  const value = parseJsonObject(line);
  if (value !== undefined) return value;
  throw new DrayerError('MALFORMED', 'expected an order as one JSON object on a line');
}

function isTexts(value: unknown): value is readonly string[] | undefined {
  const isList = Array.isArray(value) && value.every((one) => typeof one === 'string');
  return value === undefined || isList;
}

function textOf(order: Readonly<Record<string, unknown>>, name: string): string {
  const value = order[name];
  if (typeof value === 'string' && value !== '') return value;
  throw malformed(name, 'a text', value);
}

function optionalTextOf(
  order: Readonly<Record<string, unknown>>,
  name: string,
): string | undefined {
  return order[name] === undefined ? undefined : textOf(order, name);
}

function malformed(name: string, expected: string, got: unknown): DrayerError {
  const shown = JSON.stringify(got)?.slice(0, 60) ?? 'nothing';
  return new DrayerError('MALFORMED', `${name}: expected ${expected}, got ${shown}`);
}
