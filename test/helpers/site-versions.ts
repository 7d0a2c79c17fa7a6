/** A site that is another one with each version, and which of them a stream file shows. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { inflateFile } from '../../src/files/file-record.ts';
import { openReader } from '../../src/store/open-reader.ts';
import type { Shell } from './drayer.ts';
import { readFolder } from './fetch-site.ts';

/** What each path has. */
export type Site = ReadonlyMap<string, Buffer>;

const FILES = 120;
const FILE_BYTES = 20_000;

/** Writes version `v` into the folder: every file is another one, one came, one went; `bytes` each. */
export function writeVersion(
  folder: string,
  v: number,
  files: number = FILES,
  bytes: number = FILE_BYTES,
): Site {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (let i = 0; i < files; i += 1) {
    const noise = randomBytes(bytes / 2).toString('hex');
    writeFileSync(`${folder}/page-${i}.html`, `version ${v}\n${noise}`);
  }
  writeFileSync(`${folder}/only-in-${v}.txt`, `version ${v}\n`);
  return readFolder(folder);
}

/** What a reader of the stream file sees; undefined while there is no stream. */
export function visible(path: string): Site | undefined {
  if (!existsSync(path)) return undefined;
  const reader = openReader(path);
  try {
    return reader.reading(() => {
      const site = new Map<string, Buffer>();
      for (const record of reader.entries({ type: 'file' })) {
        const value = reader.readValue(record);
        if (value === undefined) throw new Error(`${record.key}: its value is not held`);
        site.set(record.key, Buffer.from(inflateFile(value)));
      }
      return site;
    });
  } finally {
    reader.close();
  }
}

/** Whether both are the same, byte for byte. */
export function isSame(a: Site | undefined, b: Site | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.size !== b.size) return false;
  return [...a].every(([key, content]) => b.get(key)?.equals(content));
}

/** Asserts that a stream is proved whole, with all its values. */
export async function assertSound(sh: Shell, stream: string): Promise<void> {
  const { status, stdout, stderr } = await sh.run('verify', stream, '--json');
  assert.is(status, 0, stdout + stderr);
  const { snapshot, wanted } = JSON.parse(stdout);
  assert.is(snapshot, 'proved');
  assert.is(wanted, 0);
}
