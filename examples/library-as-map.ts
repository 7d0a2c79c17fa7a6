/**
 * The library, used like a map. In this repository it runs from the sources:
 *
 *   node --conditions=source --import tsx examples/library-as-map.ts
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStream } from 'drayer';

const folder = await mkdtemp(join(tmpdir(), 'drayer-example-'));
const stream = createStream(join(folder, 'garden.stream'));

console.log('stream', stream.id);

stream.set('apple', { planted: 2019, kilos: 41 });
stream.set('quince', { planted: 2023, kilos: 3 });

// Several changes as one generation: mirrors see all of them or none.
stream.transaction((change) => {
  change.set('apple', { planted: 2019, kilos: 44 });
  change.delete('quince');
  change.set('medlar', { planted: 2026, kilos: 0 });
});

console.log('quince', stream.has('quince'));
for (const [key, tree] of stream) console.log(key, tree);

stream.close();
await rm(folder, { recursive: true });
