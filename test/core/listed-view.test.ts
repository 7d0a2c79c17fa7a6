import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findBrokenLinks } from '../../src/core/completeness.ts';
import { ListedView } from '../../src/core/listed-view.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { chainViewTests } from '../helpers/chain-view-tests.ts';
import { bare, linesOf, recordsOf, viewOf } from '../helpers/records.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';

chainViewTests('core/listed-view: a list', (records) => new ListedView(ascending(records)));

const test = suite('core/listed-view');

test('ListedView :: of two records with one id the later counts, as in an overlay', () => {
  const records = [bare({ id: 1 }), bare({ id: 2 }), bare({ id: 1, modified: 30, prevChange: 20 })];
  const view = new ListedView(records);

  assert.is(view.count(), 2);
  assert.equal(linesOf(recordsOf(view)), linesOf(recordsOf(viewOf(records))));
  assert.equal(findBrokenLinks(view), findBrokenLinks(viewOf(records)));
});

const seed = freshSeed();
test(`ListedView :: finds what an overlay finds, whatever is asked in turn, seed ${seed}`, () => {
  const random = randomFrom(seed);
  for (let round = scaled(40); round > 0; round -= 1) {
    const records = ascending(
      new Map(
        Array.from({ length: random.below(30) }, () => {
          const [id, modified] = [1 + random.below(40), 1 + random.below(40)];
          const [prev, prevChange] = [random.below(id), random.below(modified)];
          return [modified, bare({ id, modified, prev, prevChange })] as const;
        }),
      ).values(),
    );
    const [view, model] = [new ListedView(records), viewOf(records)];
    assert.equal(findBrokenLinks(view), findBrokenLinks(model));
    for (let asked = 0; asked < 60; asked += 1) {
      const at = random.below(42);
      for (const ask of QUESTIONS) assert.equal(view[ask](at), model[ask](at), `${ask} ${at}`);
    }
  }
});

const QUESTIONS = [
  'byId',
  'byModified',
  'beforeId',
  'afterId',
  'beforeModified',
  'afterModified',
] as const;

function ascending(records: Iterable<SignedRecord>): SignedRecord[] {
  return [...records].sort((a, b) => a.modified - b.modified);
}

test.run();
