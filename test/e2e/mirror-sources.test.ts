/** `drayer mirror` from several sources: what it says of each, and what `info` tells of them later. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shell } from '../helpers/drayer.ts';
import { publish } from '../helpers/published.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/mirror-sources');

const NOBODY = 'http://127.0.0.1:1';

test(
  'mirror --from, info :: one source is away, the other is mirrored; both are told and remembered',
  scope(async (t) => {
    const { stream, peer } = await publish(t);
    stream.set('a', 1);
    const { run } = shell(t, { directory: t.path('work') });

    const first = await run('mirror', NOBODY, stream.id, '--from', peer.url);
    stream.set('a', 2);
    const json = await run('mirror', peer.url, '--from', NOBODY, '--json');
    const info = await run('info', stream.id);
    const facts = await run('info', stream.id, '--json');

    assert.is(first.status, 0, first.stderr);
    assert.match(first.stdout, /^mirrored .*generation 1/);
    assert.match(first.stderr, `a source was of no use: ${NOBODY}`);
    const report = JSON.parse(json.stdout) as Report;
    assert.equal([report.seq, report.source, report.changed], [2, 'current', true]);
    assert.equal(
      report.failed.map(({ url, code }) => `${url} ${code}`),
      [`${NOBODY} UNREACHABLE`],
    );
    assert.match(info.stdout, /changed +.* ago/);
    assert.ok(info.stdout.includes(`${peer.url}: showed generation 2`), info.stdout);
    assert.ok(
      info.stdout.includes(`${NOBODY}: never answered, last time UNREACHABLE`),
      info.stdout,
    );
    const { fresh, sources } = JSON.parse(facts.stdout) as Facts;
    assert.ok(fresh.changedAt > 0 && fresh.heardAt >= fresh.changedAt && !fresh.isStale);
    assert.is(sources.length, 2);
  }),
);

test(
  'mirror :: none of several sources is of use: status 7 and each of them named; an address that is none, 2',
  scope(async (t) => {
    const { stream } = await publish(t);
    const { run } = shell(t, { directory: t.path('work') });

    const away = await run('mirror', NOBODY, stream.id, '--from', 'http://127.0.0.1:2');
    const wrong = await run('mirror', NOBODY, stream.id, '--from', 'ftp://example.org');

    assert.is(away.status, 7, away.stderr);
    assert.match(away.stderr, 'none of 2 sources');
    assert.match(away.stderr, 'http://127.0.0.1:2');
    assert.is(wrong.status, 2, wrong.stderr);
  }),
);

type Report = {
  readonly seq: number;
  readonly source: string;
  readonly changed: boolean;
  readonly failed: readonly { readonly url: string; readonly code: string }[];
};

type Facts = {
  readonly fresh: {
    readonly changedAt: number;
    readonly heardAt: number;
    readonly isStale: boolean;
  };
  readonly sources: readonly unknown[];
};

test.run();
