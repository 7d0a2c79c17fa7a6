/**
 * The conformance table against drayer, which has to do all it says; and what can be compared of it
 * against nginx, where that is installed, and sirv: in what they differ, with the paragraph that decides.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { KEY_A } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { type Difference, differencesOf, learn, type Player, playRow } from './play.ts';
import type { Row } from './row.ts';
import { ROWS } from './rows.ts';
import { playDrayer, playNginx, playSirv } from './servers.ts';

const test = suite('conformance');

async function play(player: Player, rows: readonly Row[], base = ''): Promise<Difference[]> {
  const learnt = await learn(player, rows, base);
  const found: Difference[] = [];
  for (const row of rows) {
    found.push(...differencesOf(row, await playRow(player, row, learnt), learnt));
  }
  return found;
}

function show(name: string, rows: readonly Row[], found: readonly Difference[]): void {
  const differing = new Set(found.map(({ row }) => row)).size;
  console.log(`\n${name}: ${rows.length} rows, ${differing} differ`);
  const told = new Set<Row>();
  for (const { row, by, what } of found) {
    // What else is wrong in the same answer mostly follows from the first.
    if (told.has(row)) continue;
    told.add(row);
    console.log(`  ${by}  ${row.method ?? 'GET'} ${row.name}: ${what}`.slice(0, 200));
  }
}

test('the table :: has 150 rows and more, each once, each with its paragraph', () => {
  const names = ROWS.map(
    (row) => `${row.method ?? 'GET'} ${row.path} ${row.headers?.join() ?? ''}`,
  );

  assert.ok(ROWS.length >= 150, `${ROWS.length} rows`);
  assert.equal(
    names.filter((name, at) => names.indexOf(name) !== at),
    [],
  );
  assert.ok(ROWS.every(({ by }) => /^(?:RFC \d{4}|PROTOCOL\.md) §[\d.]+$/.test(by)));
});

test(
  'drayer :: does what every row says',
  scope(async (t) => {
    const player = await playDrayer(t);

    const found = await play(player, ROWS);

    if (found.length > 0) show('drayer', ROWS, found);
    assert.equal(
      found.map(({ row, what }) => `${row.name}: ${what}`),
      [],
    );
    assert.equal(player.serving.errors, []);
  }),
);

const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}/webAccess`;

/** The same row for the site where it stands under its key, in its sandbox. */
function underKey(row: Row): Row {
  const { location, ...expect } = row.expect ?? {};
  const isOurs = typeof location === 'string' && location.startsWith('/');
  return {
    ...row,
    path: base + row.path,
    of: row.of ?? row.path.slice(1),
    expect: {
      ...expect,
      ...(location === undefined ? {} : { location: isOurs ? base + location : location }),
      'content-security-policy': /^sandbox allow-scripts/,
      'access-control-allow-origin': '*',
      'x-frame-options': 'SAMEORIGIN',
    },
  };
}

test(
  'drayer :: does the same where the site stands under its key',
  scope(async (t) => {
    const { serving, ...player } = await playDrayer(t);
    const rows = ROWS.filter(({ path }) => /^\/(?!\.well-known\/drayer\/)/.test(path))
      // No service worker under a path, and what comes no further than the parser has no site.
      .filter(({ headers = [] }) => !headers.includes('Service-Worker: script'))
      .filter(({ method, path }) => method !== 'get' && !/[\x80-\xff]/.test(path))
      .map(underKey);

    const found = await play({ ...player, host: `127.0.0.1:${player.port}` }, rows, base);

    if (found.length > 0) show('drayer, under its key', rows, found);
    assert.ok(rows.length > 300, `${rows.length} rows`);
    assert.equal(
      found.map(({ row, what }) => `${row.name}: ${what}`),
      [],
    );
    assert.equal(serving.errors, []);
  }),
);

const comparable = ROWS.filter((row) => row.own === undefined);

test(
  'sirv :: differs where the RFC is with us, and the table sees it',
  scope(async (t) => {
    const found = await play(await playSirv(t), comparable);

    show('sirv', comparable, found);
    const names = new Set(found.map(({ row }) => row.name));
    // Known of 3.0.2; that they are found shows that the table can go red.
    assert.ok(names.has('bytes=0-0 of text.txt'));
    assert.ok(names.has('bytes=-500 of text.txt'));
  }),
);

test(
  'nginx :: agrees in most, where it is installed',
  scope(async (t) => {
    const player = await playNginx(t);
    if (player === undefined) return console.log('\nnginx: not installed, nothing compared');

    const found = await play(player, comparable);

    show('nginx', comparable, found);
    const differing = new Set(found.map(({ row }) => row)).size;
    assert.ok(
      differing < comparable.length / 2,
      `${differing} of ${comparable.length} rows differ`,
    );
  }),
);

test.run();
