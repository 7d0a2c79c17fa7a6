/** A stream with the files of a site, for tests that serve one. */
import { encodeFile } from '../../src/files/file-record.ts';
import { createStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { KEY_A, type TestKey } from './keys.ts';
import type { Scope } from './scope.ts';

/** 6 November 1994, 08:49:37 GMT, in micros. */
export const NOVEMBER: number = Date.UTC(1994, 10, 6, 8, 49, 37) * 1000;

/**
 * Makes a stream of files, all last modified in {@link NOVEMBER}; any key will do, also one that
 * would never be published.
 */
export function makeSite(
  t: Scope,
  files: Readonly<Record<string, string | Uint8Array>>,
  { key = KEY_A, name = 'site.stream' }: { key?: TestKey; name?: string } = {},
): { readonly path: string; readonly stream: Stream } {
  const path = t.path(name);
  const stream = t.defer(createStream(path, { secretKey: key.secretKey }), (one) => one.close());
  putFiles(stream, files);
  return { path, stream };
}

/** Puts files in one generation. */
export function putFiles(
  stream: Stream,
  files: Readonly<Record<string, string | Uint8Array>>,
): void {
  stream.transaction((tx) => {
    for (const [key, content] of Object.entries(files)) {
      const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
      const stored = /\.(?:png|mp4|webm)$/.test(key);
      tx.setBytes('file', key, encodeFile(bytes, { timeMicros: NOVEMBER, stored }));
    }
  });
}
