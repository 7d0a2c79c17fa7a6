/** Plays the conformance table against a server over bare sockets, and says in what it differs. */
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { parseResponse, type RawResponse, readAll } from '../helpers/raw-http.ts';
import type { FileBody, Row } from './row.ts';
import { FILES, LAST_MODIFIED } from './site.ts';

/** A server that serves the site of the table. */
export type Player = {
  readonly name: string;
  readonly port: number;
  /** `Host` of every request. */
  readonly host: string;
};

/** One form of a file, as the server has it. */
type Form = { readonly etag: string; readonly body: Buffer };

/** What the server says of its files: needed to ask with their tags. */
export type Learnt = ReadonlyMap<string, { readonly identity: Form; readonly gzip: Form }>;

/** A way in which an answer is not what the table says. */
export type Difference = { readonly row: Row; readonly by: string; readonly what: string };

/**
 * Asks for each file that some row is about, in both forms.
 *
 * @param base - what the site stands under
 */
export async function learn(player: Player, rows: readonly Row[], base = ''): Promise<Learnt> {
  const files = new Set(rows.map(fileOf).filter((file) => Object.hasOwn(FILES, file)));
  const learnt = new Map<string, { identity: Form; gzip: Form }>();
  for (const file of files) {
    const path = `${base}/${file.split('/').map(encodeURIComponent).join('/')}`;
    const identity = await ask(player, path, []);
    const gzip = await ask(player, path, ['Accept-Encoding: gzip']);
    learnt.set(file, { identity, gzip });
  }
  return learnt;
}

/** The bytes of a row's request. */
export function requestOf(row: Row, player: Player, learnt: Learnt): string {
  const { method = 'GET', path, headers = [] } = row;
  const target = path.replace('{host}', player.host);
  const lines = headers.map((line) => fill(line, row, learnt));
  return [
    `${method} ${target} HTTP/1.1`,
    `Host: ${player.host}`,
    ...lines,
    'Connection: close\r\n\r\n',
  ].join('\r\n');
}

/** Plays a row; undefined where the connection ended without an answer. */
export async function playRow(
  player: Player,
  row: Row,
  learnt: Learnt,
): Promise<RawResponse | undefined> {
  const socket = connect(player.port, '127.0.0.1');
  socket.write(Buffer.from(requestOf(row, player, learnt), 'latin1'));
  const bytes = await readAll(socket);
  return bytes.length === 0 ? undefined : parseResponse(bytes, row.method);
}

/** Says in what an answer is not what its row says, nor what every answer has to be. */
export function differencesOf(
  row: Row,
  response: RawResponse | undefined,
  learnt: Learnt,
): Difference[] {
  const found: Difference[] = [];
  const differ = (what: string, by = row.by): void => void found.push({ row, by, what });
  if (response === undefined) return [{ row, by: row.by, what: 'the connection ends, no answer' }];
  if (row.or?.includes(response.status)) return [];
  if (response.status !== row.status) differ(`expected ${row.status}, got ${response.status}`);
  // With another status all else would differ as well, and say nothing more.
  if (found.length === 0) {
    for (const [name, expected] of Object.entries(row.expect ?? {})) {
      const wanted = typeof expected === 'string' ? fill(expected, row, learnt) : expected;
      const got = response.headers[name];
      if (!isAsWanted(name, got, wanted)) {
        differ(`${name}: expected ${wanted ?? 'none'}, got ${got ?? 'none'}`);
      }
    }
    const body = bodyDifference(row, response, learnt);
    if (body !== undefined) differ(body);
  }
  for (const [by, what] of rulesBroken(row, response)) differ(what, by);
  return found;
}

/** What holds for every answer, whatever was asked. */
function rulesBroken(row: Row, response: RawResponse): (readonly [string, string])[] {
  const { status, headers, body, complete } = response;
  const isBare = row.method === 'HEAD' || status === 304 || status === 204;
  const rules: readonly (readonly [boolean, string, string])[] = [
    [!isDate(headers['date']), '6.6.1', `Date is ${headers['date'] ?? 'missing'}`],
    [!complete, '8.6', 'the body does not end where Content-Length says'],
    [isBare && body.length > 0, '6.4.1', `${body.length} bytes of body where there is none`],
    [status === 204 && 'content-length' in headers, '8.6', 'Content-Length beside 204'],
    [status === 206 && !('content-range' in headers), '15.3.7', '206 without Content-Range'],
    [status !== 206 && status !== 416 && 'content-range' in headers, '14.4', 'a Content-Range'],
    [status === 405 && !('allow' in headers), '15.5.6', '405 without Allow'],
    [status > 300 && status < 304 && !('location' in headers), '15.4', 'no Location'],
    [status === 304 && !('etag' in headers), '15.4.5', '304 without the ETag of a 200'],
    ['set-cookie' in headers, '', 'a cookie'],
  ];
  return rules.flatMap(([broken, by, what]) =>
    broken ? [[`RFC 9110 §${by}`, what] as const] : [],
  );
}

function isAsWanted(
  name: string,
  got: string | undefined,
  wanted: string | RegExp | null,
): boolean {
  if (wanted === null) return got === undefined;
  if (got === undefined) return false;
  if (wanted instanceof RegExp) return wanted.test(got);
  // Names in a list, which may stand in any case (RFC 9110 §12.5.5, §5.3).
  if (name === 'vary') return got.toLowerCase() === wanted.toLowerCase();
  return got === wanted;
}

function bodyDifference(row: Row, response: RawResponse, learnt: Learnt): string | undefined {
  const { body } = row;
  if (body === undefined) return undefined;
  if (body === 'none') {
    return response.body.length === 0 ? undefined : `${response.body.length} bytes of body`;
  }
  if (body instanceof RegExp) {
    return body.test(response.body.toString()) ? undefined : `the body does not match ${body}`;
  }
  const expected = bytesOf(body, learnt);
  const got = bytesGot(body, response);
  if (got.equals(expected)) return undefined;
  return `the body: expected ${expected.length} bytes of ${body.file}, got ${got.length}`;
}

/** A whole compressed body is compared by what is in it: servers compress as they like. */
function bytesGot({ form, start, end }: FileBody, { body }: RawResponse): Buffer {
  const isWhole = form === 'gzip' && start === undefined && end === undefined;
  if (!isWhole) return body;
  try {
    return gunzipSync(body);
  } catch {
    return Buffer.from('no gzip');
  }
}

function bytesOf({ file, form, start = 0, end }: FileBody, learnt: Learnt): Buffer {
  const isPart = start !== 0 || end !== undefined;
  const stored = learnt.get(file)?.gzip.body;
  if (form === 'gzip' && isPart && stored !== undefined) return stored.subarray(start, end);
  return contentOf(file).subarray(start, end);
}

/** Puts in what the server says of the file a row is about. */
function fill(text: string, row: Row, learnt: Learnt): string {
  const file = fileOf(row);
  const known = learnt.get(file);
  const etag = known?.identity.etag ?? '"unknown"';
  const size = contentOf(file).length;
  const gzipSize = known?.gzip.body.length ?? 0;
  return text
    .replaceAll('{etag}', etag)
    .replaceAll('{bare-etag}', etag.replaceAll('"', ''))
    .replaceAll('{gzip-etag}', known?.gzip.etag ?? '"unknown"')
    .replaceAll('{date}', LAST_MODIFIED)
    .replaceAll('{size}', `${size}`)
    .replaceAll('{gzip-size}', `${gzipSize}`)
    .replace(/\{last(?:-(\d+))?\}/g, (_, less = '0') => `${size - 1 - Number(less)}`);
}

function fileOf({ of, path }: Row): string {
  return of ?? path.slice(1);
}

function contentOf(file: string): Buffer {
  const content = Object.hasOwn(FILES, file) ? FILES[file] : undefined;
  return Buffer.from(content ?? '');
}

async function ask(player: Player, path: string, headers: readonly string[]): Promise<Form> {
  const row = { name: '', by: '', path, headers, status: 200 };
  const response = await playRow(player, row, new Map());
  return { etag: response?.headers['etag'] ?? '"none"', body: response?.body ?? Buffer.alloc(0) };
}

function isDate(text: string | undefined): boolean {
  return /^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text ?? '');
}
