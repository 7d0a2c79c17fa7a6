/** A mirror run in a process of its own, to be killed: `mirror-child.ts URL,URL… KEY(hex) PATH [MODE(json) [step]]`. */
import { readSync, writeSync } from 'node:fs';
import { DrayerError } from '../../src/core/errors.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import type { ValueMode } from '../../src/store/value-mode.ts';

const [, , urls = '', key = '', path = '', mode, step] = process.argv;
const values = mode === undefined ? undefined : (JSON.parse(mode) as ValueMode);
const publicKey = new Uint8Array(Buffer.from(key, 'hex'));
// Written at once, so that a line is out before whatever comes after it.
const onProgress = ({ phase }: { phase: string }): void => {
  writeSync(1, `${phase}\n`);
  // It stands still until a byte comes.
  if (step === 'step') readSync(0, new Uint8Array(1));
};
try {
  const report = await mirrorStream({ urls: urls.split(','), publicKey, path, values, onProgress });
  writeSync(1, `done ${report.fetchedRecords} ${report.fetchedValues}\n`);
} catch (error) {
  if (!(error instanceof DrayerError)) throw error;
  writeSync(1, `failed ${error.code} ${error.message}; ${error.hint}\n`);
  process.exitCode = 1;
}
