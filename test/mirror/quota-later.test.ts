/** A quota holds also for values that are wanted only once their generation is shown (R18, R19). */
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type MirrorOptions, mirrorStream } from '../../src/mirror/mirror.ts';
import { isOverQuota } from '../../src/mirror/quota.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { partValuesPathOf } from '../../src/store/part-values.ts';
import type { Tamper } from '../helpers/proxy-peer.ts';
import { noise, publish } from '../helpers/published.ts';
import { scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/quota-later');

const KB = 1024;

for (const isOriginal of [false, true]) {
  const who = isOriginal ? 'an original' : 'a peer';
  test(
    `mirrorStream :: who wants all of what it held the records of gets what the quota has room for, and is told (${who})`,
    scope(async (t) => {
      const { stream, peer } = await publish(t);
      stream.transaction((tx) => {
        for (let i = 0; i < 10; i += 1) tx.setBytes('file', `f${i}`, noise(100 * KB, i));
        // Held for each of the records that have it.
        tx.setBytes('file', 'again', noise(100 * KB, 7));
      });
      if (isOriginal) peer.tamper(asOriginal);
      const to = { url: peer.url, publicKey: stream.publicKey, path: t.path('m.stream') };
      const run = (options: Partial<MirrorOptions>) => mirrorStream({ ...to, ...options });
      await run({ values: { metadataOnly: true }, quota: { bytes: 350 * KB } });

      for (let i = 0; i < 2; i += 1) {
        const error = await rejectsCode(
          run({ values: {}, quota: { bytes: 350 * KB } }),
          'TOO_LARGE',
        );
        assert.ok(isOverQuota(error));
        const bytes = heldBytes(to.path);
        assert.ok(bytes <= 350 * KB, `${bytes}`);
        assert.is(existsSync(partValuesPathOf(to.path)), false);
      }

      const report = await run({ values: {}, quota: { bytes: 1200 * KB } });
      assert.is(report.wantedValues, 0);
      assert.ok(heldBytes(to.path) > 1100 * KB);
    }),
  );
}

/** Knows no query, no hash and no page. */
const asOriginal: Tamper = (asked, answer) => {
  if (!asked.includes('?') && !asked.includes('/value/')) return undefined;
  answer.status = 404;
  answer.body = Buffer.from('not found');
  return undefined;
};

function heldBytes(path: string): number {
  const reader = openReader(path);
  try {
    return [...reader.entries()].reduce((sum, one) => sum + (reader.valueSize(one) ?? 0), 0);
  } finally {
    reader.close();
  }
}

test.run();
