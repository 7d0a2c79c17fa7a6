/**
 * A process of another user that reads streams it cannot write, for tests that run as root.
 * `read-only-child.ts PATH…` prints what it found of each as a line of JSON.
 */
import { DrayerError } from '../../src/core/errors.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { openStream } from '../../src/store/open-stream.ts';
import { KEY_A } from './keys.ts';

function outcome(body: () => unknown): unknown {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof DrayerError)) throw error;
    return error.code;
  }
}

for (const path of process.argv.slice(2)) {
  const read = outcome(() => {
    const reader = openReader(path);
    const { count, tip } = reader.generation();
    const keys = [...reader.entries({ type: 'obj' })].map(({ key }) => key);
    reader.close();
    return { count, tip, keys };
  });
  const write = outcome(() => {
    const stream = openStream(path, { secretKey: KEY_A.secretKey });
    const { writable } = stream;
    const set = outcome(() => stream.set('a', 'changed') && 'done');
    const value = stream.get('a');
    stream.close();
    return { writable, set, value };
  });
  process.stdout.write(`${JSON.stringify({ read, write })}\n`);
}
