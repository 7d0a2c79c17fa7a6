import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ChainView, Step } from '../../src/core/chain.ts';
import { emptyView, OverlayView } from '../../src/core/overlay.ts';
import { planBatch } from '../../src/core/plan-batch.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { Connection, connect } from '../../src/store/database.ts';
import { countRecords } from '../../src/store/local-state.ts';
import { StreamReader } from '../../src/store/reader.ts';
import { RowWriter } from '../../src/store/rows.ts';
import { createTables } from '../../src/store/schema.ts';
import { Selects, SqliteView } from '../../src/store/sqlite-view.ts';
import { chainViewTests } from '../helpers/chain-view-tests.ts';
import { KEY_A } from '../helpers/keys.ts';
import { bare, hashOf, linesOf, recordsOf, TEST_KEYS } from '../helpers/records.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';

function tables(t: Scope): Connection {
  const connection = connect(t.path('view.stream'), { create: true });
  t.defer(connection, (one) => one.close());
  createTables(connection, KEY_A.publicKey);
  return connection;
}

function viewIn(connection: Connection, hasIndexes = true): ChainView {
  return new SqliteView(connection, new Selects(hasIndexes), () => countRecords(connection));
}

function stored(t: Scope, records: readonly SignedRecord[]): Connection {
  const connection = tables(t);
  const steps = records.map((record): Step => ({ kind: 'put', record }));
  new RowWriter(connection, { allowMissing: true }).applySteps(steps, () => undefined);
  return connection;
}

chainViewTests('store/sqlite-view', (records, t) => viewIn(stored(t, records)));
chainViewTests('store/sqlite-view: without our indexes', (records, t) => {
  const connection = stored(t, records);
  for (const name of connection
    .query<{ name: string }>(
      "SELECT name FROM sqlite_schema WHERE name LIKE 'drayer%' AND type = 'index'",
    )
    .all()) {
    connection.run(`DROP INDEX ${name.name}`);
  }
  return viewIn(connection, false);
});

const test = suite('store/sqlite-view: against OverlayView');

test(
  'SqliteView :: is the same as an OverlayView after any history of steps',
  scope((t) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const connection = tables(t);
    const writer = new RowWriter(connection, { allowMissing: true });
    const sqlite = viewIn(connection);
    const memory = new OverlayView(emptyView());
    let modified = 0;

    for (let round = 0; round < scaled(60); round += 1) {
      const steps: Step[] = [];
      for (let i = random.below(8); i >= 0; i -= 1) {
        const id = 1 + random.below(30);
        modified += 1 + random.below(5);
        const record = bare({
          id,
          prev: random.below(id),
          modified,
          prevChange: modified - 1,
          timestamp: random.below(4),
          key: `k${random.below(6)}`,
          type: random.pick(['obj', 'file']),
        });
        steps.push(random.oneIn(3) ? { kind: 'remove', id } : { kind: 'put', record });
      }
      memory.apply(steps);
      connection.writing(() => writer.applySteps(steps, () => undefined));

      assert.equal(linesOf(recordsOf(sqlite)), linesOf(recordsOf(memory)), `seed ${seed}`);
      assert.equal(sqlite.count(), memory.count(), `seed ${seed}`);
      for (let at = 0; at <= 31; at += 1) {
        for (const look of ['byId', 'beforeId', 'afterId'] as const) {
          assert.is(sqlite[look](at)?.id, memory[look](at)?.id, `${look} ${at}, seed ${seed}`);
        }
      }
      for (const key of ['k0', 'k1', 'k2', 'k3', 'k4', 'k5']) {
        const ids = (view: ChainView): number[] => view.byKey('obj', key).map(({ id }) => id);
        assert.equal(ids(sqlite), ids(memory), `${key}, seed ${seed}`);
      }
    }
  }),
);

test.run();

const order = suite('store/rows');

order(
  'applyPlan :: leaves the rows that applySteps leaves, whatever moves',
  scope((t) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const secretKey = TEST_KEYS.secretKey;
    const files = ['one', 'two'].map((name) => {
      const connection = connect(t.path(name), { create: true });
      t.defer(connection, (one) => one.close());
      createTables(connection, KEY_A.publicKey);
      return { connection, writer: new RowWriter(connection, { allowMissing: true }) };
    });
    const [one, two] = files;
    assert.ok(one && two);
    const view = viewIn(one.connection);

    for (let round = 0; round < scaled(60); round += 1) {
      const names = new Map(
        Array.from({ length: 1 + random.below(8) }, () => `k${random.below(12)}`).map((key) => [
          key,
          random.oneIn(3),
        ]),
      );
      const named = (isDeleted: boolean): string[] =>
        [...names].filter(([, deleted]) => deleted === isDeleted).map(([key]) => key);
      const { steps } = planBatch(
        view,
        {
          puts: named(false).map((key) => ({ type: 'obj', key, hash: hashOf(`${key} ${round}`) })),
          deletes: named(true).map((key) => ({ type: 'obj', key })),
        },
        { now: 1 + round, secretKey },
      );
      assert.equal(
        one.writer.applyPlan(steps, () => undefined),
        two.writer.applySteps(steps, () => undefined),
        `seed ${seed}`,
      );

      const lines = files.map(({ connection }) => linesOf(recordsOf(viewIn(connection))));
      assert.equal(lines[0], lines[1], `seed ${seed}`);
    }
  }),
);

order.run();

const plans = suite('store/sqlite-view: query plans');

/** Records the SQL that is run on it. */
class RecordingConnection extends Connection {
  readonly texts = new Set<string>();

  override query<Row>(
    ...parameters: Parameters<Connection['query']>
  ): ReturnType<typeof Connection.prototype.query<Row>> {
    this.texts.add(parameters[0]);
    return super.query<Row>(...parameters);
  }
}

plans(
  'SqliteView, Lists :: read metadata from covering indexes alone, and never scan',
  scope((t) => {
    stored(t, [bare({ id: 1 }), bare({ id: 2 })]).close();
    const database = t.defer(new Database(t.path('view.stream')), (one) => one.close());
    const connection = new RecordingConnection(t.path('view.stream'), database);
    const reader = new StreamReader(connection, { hasIndexes: true, hasTables: true });

    const { view } = reader;
    for (const look of ['byId', 'byModified', 'beforeId', 'afterId'] as const) view[look](1);
    for (const look of ['beforeModified', 'afterModified'] as const) view[look](1);
    reader.generation();
    reader.findRecord('obj', 'k1');
    reader.findByHash(new Uint8Array(32));
    reader.recordsSince(0, 10);
    reader.findRepairRecord(10);
    for (const order of ['id', 'modified'] as const) {
      reader.listByType('obj', { order, limit: 10 });
    }
    assert.is([...reader.entries()].length, 2);
    assert.is([...reader.entries({ type: 'obj' })].length, 2);

    const texts = [...connection.texts].filter((text) => /\brecord\b/.test(text));
    assert.ok(texts.length >= 17, `only ${texts.length} queries seen`);
    for (const text of texts) {
      const details = planOf(database, text);
      // Counting is for files whose local state is stale, and goes through the smallest index.
      if (/count\(\*\)/.test(text)) continue;
      const parts = details.filter((detail) => !/^USE TEMP B-TREE|^LIST|SUBQUERY/.test(detail));
      for (const part of parts) {
        const isCovered = /^SEARCH \w+ USING COVERING INDEX/.test(part);
        const isValue = /^SELECT (value|length|substr)/.test(text) && /drayer_id/.test(part);
        assert.ok(isCovered || isValue, `${text}\n${details.join('\n')}`);
      }
      const sorts = details.filter((detail) => /USE TEMP B-TREE/.test(detail));
      assert.equal(sorts, [], text);
    }
  }),
);

plans(
  'RowWriter :: finds its rows by index',
  scope((t) => {
    stored(t, []).close();
    const database = t.defer(new Database(t.path('view.stream')), (one) => one.close());
    const connection = new RecordingConnection(t.path('view.stream'), database);
    const writer = new RowWriter(connection, { allowMissing: true });

    for (const hash of [1, 1, 2]) {
      const record = bare({ id: 1, hash: new Uint8Array(32).fill(hash) });
      const value = new Uint8Array([hash]);
      writer.applySteps([{ kind: 'put', record }], () => value);
    }
    writer.applyPlan([{ kind: 'remove', id: 1 }], () => undefined);

    assert.is(connection.texts.size, 6);
    for (const text of connection.texts) {
      const scans = planOf(database, text).filter((detail) => detail.startsWith('SCAN'));
      assert.equal(scans, [], text);
    }
  }),
);

function planOf(database: Database.Database, text: string): string[] {
  const parameters = (text.match(/\?/g) ?? []).map(() => 1);
  return database
    .prepare<number[], { detail: string }>(`EXPLAIN QUERY PLAN ${text}`)
    .all(...parameters)
    .map((row) => row.detail);
}

plans.run();
