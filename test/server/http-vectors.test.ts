/**
 * The original's replies (test/vectors/http) against ours, row by row, for the same stream files. Every
 * row is either equal or in differences.json with its reason.
 */
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SignedRecord } from '../../src/core/record.ts';
import { formatStreamId, parseStreamId } from '../../src/core/stream-id.ts';
import { inflateFile } from '../../src/files/file-record.ts';
import type { StreamReader } from '../../src/store/reader.ts';
import { decodeList, decodeOne, vectorBytes, vectorJson } from '../helpers/old-wire.ts';
import type { RawResponse } from '../helpers/raw-http.ts';
import { scope } from '../helpers/scope.ts';
import { type Serving, serve } from '../helpers/serving.ts';

const test = suite('server/http-vectors');

type Row = {
  readonly n: number;
  readonly stream: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly note: string;
  readonly body_file?: string;
};
type Difference = {
  readonly rows: readonly number[];
  readonly status: number;
  readonly location?: string;
  readonly body?: string;
  readonly reason: string;
};

const rows = vectorJson<readonly Row[]>('http/manifest.json');
const { differences } = vectorJson<{ differences: readonly Difference[] }>('http/differences.json');
const differenceOf = new Map(differences.flatMap((one) => one.rows.map((n) => [n, one] as const)));

for (const stream of new Set(rows.map((row) => row.stream))) {
  const file = fileOf(stream);
  if (file === undefined) {
    test.skip(`${stream} :: is not here; DRAYER_EXTRA_VECTORS names its folder`);
    continue;
  }
  test(
    `${stream} :: every row is equal or a listed difference`,
    scope(async (t) => {
      const path = t.path('copy.stream');
      copyFileSync(file, path);
      const serving = await serve(t, [{ path }]);
      for (const row of rows.filter((one) => one.stream === stream)) await checkRow(serving, row);
      assert.equal(serving.errors, []);
    }),
  );
}

test('differences.json :: names each row once, gives a reason, and leaves the sync bodies alone', () => {
  const listed = differences.flatMap((one) => one.rows);

  assert.is(new Set(listed).size, listed.length);
  assert.ok(differences.every((one) => one.reason.length > 20));
  const isSync = (row: Row): boolean => /\/(newRecords|crdr|rawwebacess)\//.test(row.path);
  const changed = rows.filter(
    (row) => isSync(row) && row.status === 200 && differenceOf.has(row.n),
  );
  assert.equal(changed, []);
});

// The streams of the vectors are copied; the real one of 2019 is not.
function fileOf(stream: string): string | undefined {
  const folder = stream.startsWith('streams/')
    ? 'test/vectors'
    : process.env['DRAYER_EXTRA_VECTORS'];
  const file = folder === undefined ? undefined : join(folder, stream);
  return file !== undefined && existsSync(file) ? file : undefined;
}

async function checkRow(serving: Serving, row: Row): Promise<void> {
  const ours = await getCanonically(serving, row);
  const label = `row ${row.n} (${row.note}) ${row.path}`;
  const difference = differenceOf.get(row.n);
  assert.is(ours.status, difference?.status ?? row.status, `${label}: status`);
  assert.ok(ours.complete, `${label}: complete`);
  if (difference === undefined) await checkEqual(serving, row, ours, label);
  else checkDifference(serving, row, { difference, ours, label });
}

/** Sites have one spelling of their key: the original's leads there. Sync endpoints take all. */
async function getCanonically(
  serving: Serving,
  row: Row,
  headers: readonly string[] = ['Accept-Encoding: gzip'],
): Promise<RawResponse> {
  const options = { method: row.method, headers };
  const first = await serving.get(row.path, options);
  const [, spelling = '', operation] = row.path.split('/');
  if (operation !== 'webAccess') return first;
  const canonical = formatStreamId(parseStreamId(spelling), 'base64url');
  assert.is(first.status, 308, row.path);
  assert.is(first.headers['location'], row.path.replace(spelling, canonical));
  return serving.get(first.headers['location'] ?? '', options);
}

async function checkEqual(
  serving: Serving,
  row: Row,
  ours: RawResponse,
  label: string,
): Promise<void> {
  const theirs = vectorBytes(`http/${row.body_file}`);
  const operation = row.path.split('/')[2];
  // The alternative form has the operation first.
  if (operation === 'newRecords' || row.path.startsWith('/newRecords/')) {
    assert.equal(decodeList(ours.body).map(inHex), decodeList(theirs).map(inHex), label);
  } else if (operation === 'crdr') {
    assert.equal(inHex(decodeOne(ours.body)), inHex(decodeOne(theirs)), label);
  } else if (operation === 'webAccess') {
    assert.is(ours.headers['content-encoding'], 'gzip', label);
    assert.equal(ours.body, Buffer.from(theirs), label);
    if (row.method !== 'GET') return;
    const inflated = await getCanonically(serving, row, []);
    assert.equal(inflated.body, gunzipSync(theirs), label);
  } else {
    assert.equal(ours.body, Buffer.from(theirs), label);
  }
}

/** So that a difference is shown in a few lines. */
function inHex(record: SignedRecord): unknown {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const { hash, signature, value, ...rest } = record;
  assert.ok(value);
  return { ...rest, hash: hex(hash), signature: hex(signature), value: hex(value) };
}

function checkDifference(
  serving: Serving,
  row: Row,
  given: { difference: Difference; ours: RawResponse; label: string },
): void {
  const { difference, ours, label } = given;
  const reader = readerOf(serving);
  const key = formatStreamId(reader.publicKey, 'base64url');
  assert.is(ours.headers['location'], difference.location?.replace('<A>', key), label);
  const body = difference.body;
  if (body === undefined) return;
  if (body === 'no records') assert.equal(decodeList(ours.body), [], label);
  else if (body === 'page')
    assert.match(ours.body.toString(), '<h1>Sites on this server</h1>', label);
  else if (body === 'records-of-4') {
    const theirs = decodeList(vectorBytes('http/004.bin'));
    assert.equal(decodeList(ours.body).map(inHex), theirs.map(inHex), label);
  } else if (body.startsWith('file ')) checkFile(reader, ours, body.slice(5));
  else checkList(row, body === 'newest' ? 'id' : 'modified', ours, label);
}

function checkFile(reader: StreamReader, ours: RawResponse, key: string): void {
  const value = reader.readValue(reader.getRecord('file', key));
  assert.ok(value);
  assert.equal(new Uint8Array(gunzipSync(ours.body)), new Uint8Array(inflateFile(value)));
}

/** By what the stream is known to hold; in the same order as the original where the bounds mean the same. */
function checkList(row: Row, field: 'id' | 'modified', ours: RawResponse, label: string): void {
  const list = JSON.parse(plain(ours)) as [string, number][];
  assert.equal(list, expectedList(row, field), label);
  if (field === 'modified' && row.path.includes('?')) return;
  const theirs = JSON.parse(Buffer.from(vectorBytes(`http/${row.body_file}`)).toString());
  assert.equal(
    list.map(([key]) => key),
    (theirs as [string, number][]).map(([key]) => key),
    label,
  );
}

function expectedList(row: Row, field: 'id' | 'modified'): [string, number][] {
  const expected = JSON.parse(readFileSync(expectedFileOf(row.stream), 'utf8')) as {
    records_by_modified: { id: number; modified: number; type: string; key: string }[];
  };
  const [path = '', query] = row.path.split('?');
  const type = decodeURIComponent(path.split('/')[3] ?? '');
  const bounds = new URLSearchParams(query);
  const after = Number(bounds.get('after') ?? 0);
  const before = Number(bounds.get('before') ?? Number.POSITIVE_INFINITY);
  return expected.records_by_modified
    .filter((one) => one.type === type && one[field] > after && one[field] < before)
    .sort((a, b) => b[field] - a[field])
    .slice(0, 250)
    .map((one) => [one.key, one[field]]);
}

function expectedFileOf(stream: string): string {
  const file = fileOf(stream) ?? '';
  return file.endsWith('.stream')
    ? file.replace(/\.stream$/, '.expected.json')
    : join(dirname(file), 'expected.json');
}

function plain(response: RawResponse): string {
  const isGzip = response.headers['content-encoding'] === 'gzip';
  return (isGzip ? gunzipSync(response.body) : response.body).toString();
}

function readerOf({ streams }: Serving): StreamReader {
  const [hosted] = streams.list();
  assert.ok(hosted);
  const reader = streams.find(parseStreamId(hosted.id));
  assert.ok(reader);
  return reader;
}

test.run();
