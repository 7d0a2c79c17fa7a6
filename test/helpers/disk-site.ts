/** Sites on disk, as a person would have them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Writes files, and the directories they need, below `root`; returns `root`. */
export function writeSite(
  root: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): string {
  mkdirSync(root, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}
