/**
 * A deploy in a process of its own, to be killed: `push-child.ts URL FOLDER STATE STEP`. Dies by its own
 * hand when STEP is done; with another word there it lives on.
 */
import { writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDrayerError } from '../../src/core/errors.ts';
import { publishTo } from '../../src/daemon/publish-to.ts';
import { KEY_A } from './keys.ts';

const [, , to = '', directory = '', dataDir = '', last = ''] = process.argv;
const { secretKey } = KEY_A;
try {
  const { push } = await publishTo(
    { directory, to, secretKey, unusedKey: true },
    {
      dataDir,
      lockFolder: dirname(directory),
      retryMs: [1],
      onStep: (step) => {
        writeSync(1, `${step}\n`);
        if (step === last) process.kill(process.pid, 'SIGKILL');
      },
    },
  );
  writeSync(1, `done ${push.generation.snapshot?.seq}\n`);
} catch (error) {
  if (!isDrayerError(error)) throw error;
  writeSync(1, `failed ${error.code}: ${error.message}\n`);
}
