import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import type { KnownStream } from '../../src/daemon/known-streams.ts';
import { chooseServed, findSite } from '../../src/daemon/served-streams.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('daemon/served-streams');

function known(t: Scope, name: string): KnownStream {
  return {
    path: t.path(`${name}.stream`),
    name,
    directory: t.path(name),
    keyFile: undefined,
  };
}

function published(t: Scope, name: string): KnownStream {
  createStream(t.path(`${name}.stream`)).close();
  return known(t, name);
}

test(
  'chooseServed :: all there are; one to come is waited for, one that is damaged left out',
  scope(async (t) => {
    writeFileSync(t.path('bad.stream'), 'this was a stream once, but not any more');
    const streams = [published(t, 'a'), known(t, 'later'), known(t, 'bad')];

    const { sources, waiting, unreadable } = await chooseServed([], streams);

    assert.equal(sources, [
      { path: t.path('a.stream'), name: 'a' },
      { path: t.path('later.stream'), name: 'later', optional: true },
    ]);
    assert.equal(
      waiting.map(({ name }) => name),
      ['later'],
    );
    assert.equal(
      unreadable.map(({ stream, error }) => [stream.name, error.code]),
      [['bad', 'STREAM_INVALID']],
    );
  }),
);

test(
  'chooseServed :: only those that are named, and each of them must be there',
  scope(async (t) => {
    const streams = [published(t, 'a'), published(t, 'b'), known(t, 'later')];

    const { sources } = await chooseServed(['b'], streams);

    assert.equal(sources, [{ path: t.path('b.stream'), name: 'b' }]);
    await rejectsCode(chooseServed(['b', 'later'], streams), 'STREAM_NOT_FOUND');
  }),
);

test(
  'chooseServed :: nothing at all, nothing yet, nothing sound: each says what to do',
  scope(async (t) => {
    const nothing = await rejectsCode(chooseServed([], []), 'STREAM_NOT_FOUND');
    assert.is(nothing.message, 'there is nothing to serve yet');

    const notYet = await rejectsCode(chooseServed([], [known(t, 'later')]), 'STREAM_NOT_FOUND');
    assert.is(notYet.message, 'later: not published yet');
    assert.is((notYet as { hint?: string }).hint, 'drayer publish');

    writeFileSync(t.path('bad.stream'), 'this was a stream once, but not any more');
    await rejectsCode(chooseServed([], [known(t, 'bad')]), 'STREAM_INVALID');
  }),
);

test(
  'findSite :: by name or id, among those that are served',
  scope(async (t) => {
    const { path, name } = published(t, 'a');
    published(t, 'b');
    const sources = [{ path, name }];
    const publicKey = await findSite('a', sources);

    assert.equal(await findSite(formatStreamId(publicKey, 'base32'), sources), publicKey);
    await rejectsCode(findSite('c', sources), 'STREAM_NOT_FOUND');
    await rejectsCode(findSite(t.path('b.stream'), sources), 'USAGE');
  }),
);

test.run();
