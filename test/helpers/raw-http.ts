/** HTTP over a bare socket: what is sent is what was written, what came is shown as it came. */
import { connect, type Socket } from 'node:net';

/** A response as it came over the wire. */
export type RawResponse = {
  readonly status: number;
  /** Lines in order, names as sent. */
  readonly headerLines: readonly (readonly [string, string])[];
  /** Lower-case names; lines of one name joined with commas. */
  readonly headers: Readonly<Record<string, string>>;
  /** With the transfer coding taken off. */
  readonly body: Buffer;
  /** Whether the body came to its end: the length kept, or the last chunk there. */
  readonly complete: boolean;
};

/** What {@link rawGet} sends besides the path. */
export type RawOptions = {
  readonly method?: string;
  /** Default `127.0.0.1:PORT`. */
  readonly host?: string;
  /** Further header lines. */
  readonly headers?: readonly string[];
  /** Address to connect to, 127.0.0.1 by default. */
  readonly address?: string;
};

/** Requests a path, written into the request line as it is. */
export function rawGet(port: number, path: string, options: RawOptions = {}): Promise<RawResponse> {
  const { method = 'GET', host = `127.0.0.1:${port}`, headers = [] } = options;
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...headers, 'Connection: close'];
  return rawExchange(port, `${lines.join('\r\n')}\r\n\r\n`, {
    method,
    address: options.address ?? '127.0.0.1',
  });
}

/** Sends bytes, reads until the server closes, takes the (first) response apart. */
export async function rawExchange(
  port: number,
  request: string | Uint8Array,
  { method = 'GET', address = '127.0.0.1' }: { method?: string; address?: string } = {},
): Promise<RawResponse> {
  const socket = connect({ port, host: address });
  socket.write(request);
  return parseResponse(await readAll(socket), method);
}

/** Reads a socket to its end; a reset counts as one. */
export function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // What came before a reset is still what the test looks at.
    socket.on('error', () => {});
    socket.on('close', () => resolve(Buffer.concat(chunks)));
  });
}

/** Takes a response apart; throws when it is none. */
export function parseResponse(bytes: Buffer, method = 'GET'): RawResponse {
  const split = bytes.indexOf('\r\n\r\n');
  const head = bytes.subarray(0, split).toString('latin1');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const status = Number(/^HTTP\/1\.[01] (\d{3}) /.exec(statusLine)?.[1]);
  if (split === -1 || Number.isNaN(status)) {
    throw new Error(`no response in ${JSON.stringify(bytes.subarray(0, 200).toString('latin1'))}`);
  }
  const headerLines = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const headers: Record<string, string> = {};
  for (const [name, value] of headerLines) {
    const lower = name.toLowerCase();
    headers[lower] = lower in headers ? `${headers[lower]}, ${value}` : value;
  }
  const rest = bytes.subarray(split + 4);
  return { status, headerLines, headers, ...bodyOf(rest, headers, status, method) };
}

function bodyOf(
  rest: Buffer,
  headers: Readonly<Record<string, string>>,
  status: number,
  method: string,
): { body: Buffer; complete: boolean } {
  if (method === 'HEAD' || status === 304) return { body: rest, complete: true };
  if (headers['transfer-encoding'] === 'chunked') return dechunk(rest);
  const length = headers['content-length'];
  return { body: rest, complete: length === undefined || Number(length) === rest.length };
}

function dechunk(bytes: Buffer): { body: Buffer; complete: boolean } {
  const parts: Buffer[] = [];
  let at = 0;
  while (true) {
    const end = bytes.indexOf('\r\n', at);
    const size = end === -1 ? Number.NaN : Number.parseInt(bytes.toString('latin1', at, end), 16);
    if (size === 0) return { body: Buffer.concat(parts), complete: true };
    const part = bytes.subarray(end + 2, end + 2 + size);
    if (Number.isNaN(size) || part.length < size) {
      return { body: Buffer.concat(parts), complete: false };
    }
    parts.push(part);
    at = end + 2 + size + 2;
  }
}
