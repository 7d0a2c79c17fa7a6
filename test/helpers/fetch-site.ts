/** A served site, fetched as a browser does, and compared with a folder byte for byte. */
import { readdirSync, readFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';

/** An answer, its body as sent. */
export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

/** Fetches a URL. `*.localhost` is this machine, whatever the resolver says. */
export function get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const { hostname, port, pathname, search, host } = new URL(url);
  const address = hostname.endsWith('.localhost') ? '127.0.0.1' : hostname;
  return new Promise((resolve, reject) => {
    const options = {
      host: address,
      port,
      path: pathname + search,
      headers: { host, ...headers },
      agent: false,
    };
    const sent = request(options, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const { statusCode: status = 0, headers: got } = answer;
        resolve({ status, headers: got, body: Buffer.concat(chunks) });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

/** Files below a folder: site path to content. */
export function readFolder(folder: string): Map<string, Buffer> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return new Map(
    files
      .map((file) => join(file.parentPath, file.name))
      .sort()
      .map((path) => [relative(folder, path).normalize('NFC'), readFileSync(path)]),
  );
}

/** The URL path of a site path. */
export function urlPath(sitePath: string): string {
  return sitePath.split('/').map(encodeURIComponent).join('/');
}

/**
 * Asserts that every file of the folder is served below `base` with exactly its bytes, plain and
 * compressed, and that folders show their index.
 *
 * @returns how many files there were
 */
export async function assertServes(base: string, folder: string): Promise<number> {
  const files = readFolder(folder);
  for (const [path, content] of files) {
    const url = base + urlPath(path);
    const plain = await get(url, { 'accept-encoding': 'identity' });
    assert.is(plain.status, 200, url);
    assert.is(plain.headers['content-encoding'], undefined, url);
    assert.ok(plain.body.equals(content), `${url}: other bytes`);

    const packed = await get(url, { 'accept-encoding': 'gzip' });
    const isPacked = packed.headers['content-encoding'] === 'gzip';
    assert.ok((isPacked ? gunzipSync(packed.body) : packed.body).equals(content), `${url}: gzip`);

    if (!/(^|\/)index\.html$/.test(path)) continue;
    const index = await get(base + urlPath(path).replace(/index\.html$/, ''));
    assert.ok(index.body.equals(content) || index.headers['content-encoding'] === 'gzip', url);
    assert.match(String(index.headers['content-type']), 'text/html');
  }
  return files.size;
}
