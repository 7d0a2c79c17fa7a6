import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseLifetime } from '../../src/config/lifetime.ts';

const test = suite('config/lifetime');

const HOUR = 3_600_000_000;

const CASES: readonly [text: string, micros: number | undefined][] = [
  ['1 hour', HOUR],
  ['12 hours', 12 * HOUR],
  ['30 days', 720 * HOUR],
  ['1week', 168 * HOUR],
  ['3650 days', 87_600 * HOUR],
  ['never', 0],
  ['3651 days', undefined],
  ['0 days', undefined],
  ['1.5 days', undefined],
  ['30', undefined],
  ['days', undefined],
  ['30 minutes', undefined],
  ['-1 day', undefined],
  ['', undefined],
];

for (const [text, micros] of CASES) {
  test(`parseLifetime :: ${text || 'nothing'}`, () => assert.is(parseLifetime(text), micros));
}

test.run();
