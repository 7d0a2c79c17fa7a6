/** The version of the program, as its manifest says. */
import { readFileSync } from 'node:fs';

/** Reads the version. */
export function readVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  return version;
}
