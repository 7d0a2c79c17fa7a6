/** What a stream holds and what a folder holds, in one form, to be compared byte by byte. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { withReader } from '../../src/daemon/stream-facts.ts';
import { inflateFile } from '../../src/files/file-record.ts';
import type { Generation } from '../../src/store/reader.ts';
import { readEntries } from '../../src/store/typed-reads.ts';

/** Site path to length and SHA-256 of the content, ordered by path. */
export type SiteContent = Readonly<Record<string, string>>;

/** The files of a stream, as a browser gets them. */
export function contentOfStream(path: string): SiteContent {
  return withReader(path, (reader) => {
    const found: Record<string, string> = {};
    for (const [key, value] of readEntries(reader, 'file')) {
      found[key] = digest(inflateFile(value as Uint8Array));
    }
    return found;
  });
}

/** Which generation a stream is at; where it was written again with nothing new, the same as before. */
export function generationOf(path: string): Generation {
  return withReader(path, (reader) => reader.generation());
}

/** The files of a folder; any that is there counts. */
export function contentOfFolder(folder: string): SiteContent {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map(
      (file) => [relative(folder, file).replaceAll(sep, '/'), digest(readFileSync(file))] as const,
    );
  return Object.fromEntries(
    found.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  );
}

function digest(content: Uint8Array): string {
  return `${content.length} ${createHash('sha256').update(content).digest('hex')}`;
}
