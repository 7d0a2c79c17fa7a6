/** The note that signatures are still to be checked: who checks them, and what becomes of it (R22). */
import { renameSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withReader } from '../../src/daemon/stream-facts.ts';
import { HostedFile } from '../../src/server/hosted-file.ts';
import { verifyStream } from '../../src/store/audit.ts';
import { checkSignatures } from '../../src/store/check-signatures.ts';
import { checkInThread } from '../../src/store/check-thread.ts';
import { openReader } from '../../src/store/open-reader.ts';
import {
  formatUnchecked,
  noteFoundHere,
  parseUnchecked,
  requireChecked,
  requireCheckedToo,
} from '../../src/store/unchecked.ts';
import { scope } from '../helpers/scope.ts';
import { breakSignature, factOf, makeStream, setUnchecked } from '../helpers/set-unchecked.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('store/check-signatures');

const FROM = 'http://192.168.1.20:33125';

test('parseUnchecked :: says what was written; whatever else stands there counts as unchecked', () => {
  for (const fact of [{ from: FROM }, { from: FROM, fault: 'record 2' }]) {
    assert.equal(parseUnchecked(formatUnchecked(fact)), { fault: undefined, ...fact });
  }
  assert.is(parseUnchecked(undefined), undefined);
  for (const text of ['', 'x', '[]', '1', '{"from":1}', 'null']) {
    assert.equal(parseUnchecked(text), { from: 'an unknown source', fault: undefined }, text);
  }
});

test(
  'checkSignatures :: takes the note away where all are right, and says in it which is wrong',
  scope(async (t) => {
    const path = makeStream(t, 'a.stream');
    assert.equal(checkSignatures(path), { kind: 'right', isNoted: true });

    setUnchecked(path, { from: FROM });
    assert.throws(() => withReader(path, requireChecked), throwsCode('SIGNATURES_UNCHECKED'));
    assert.equal(checkSignatures(path), { kind: 'right', isNoted: true });
    withReader(path, requireChecked);

    setUnchecked(path, { from: FROM });
    breakSignature(t, path);
    const fault = 'record 2: signature is not of this key';
    const wrong = { kind: 'wrong', isNoted: true, unchecked: { from: FROM, fault } };
    assert.equal(checkSignatures(path), wrong);
    assert.equal(factOf(path), { from: FROM, fault });
    // Known already: it need not be looked for again.
    assert.equal(await checkInThread(path), wrong);
  }),
);

test(
  'checkInThread :: two who ask for one file get one answer; who asks for what is not there is told',
  scope(async (t) => {
    const path = makeStream(t, 'a.stream');
    setUnchecked(path, { from: FROM });

    const [first, second] = await Promise.all([checkInThread(path), checkInThread(path)]);

    assert.is(first, second);
    assert.is(first.kind, 'right');
    const absent = await checkInThread(t.path('absent.stream')).catch((error: unknown) => error);
    assert.ok(throwsCode('STREAM_NOT_FOUND')(absent));
    const stop = new AbortController();
    const stopped = checkInThread(path, stop.signal).catch((error: unknown) => error);
    stop.abort();
    assert.ok(throwsCode('ABORTED')(await stopped));
  }),
);

test(
  'checkInThread :: who asks right after the last of the others has left gets an answer',
  scope(async (t) => {
    const path = makeStream(t, 'a.stream');
    setUnchecked(path, { from: FROM });
    const stop = new AbortController();
    const stopped = checkInThread(path, stop.signal).catch((error: unknown) => error);
    stop.abort();

    const next = checkInThread(path);

    assert.equal(await next, { kind: 'right', isNoted: true });
    assert.ok(throwsCode('ABORTED')(await stopped));
  }),
);

test(
  'checkInThread :: of many files two are checked at a time; who leaves is told at once, and the others go on',
  scope(async (t) => {
    const paths = Array.from({ length: 6 }, (_, i) => makeStream(t, `${i}.stream`));
    for (const path of paths) setUnchecked(path, { from: FROM });
    let running = 0;
    let most = 0;
    const count = (worker: Worker): void => {
      running += 1;
      most = Math.max(most, running);
      worker.once('exit', () => {
        running -= 1;
      });
    };
    process.on('worker', count);
    t.defer(count, (one) => process.off('worker', one));
    const stop = new AbortController();
    const [first = '', second = '', ...rest] = paths;
    const staying = Promise.all([first, ...rest].map((path) => checkInThread(path)));
    let isDone = false;
    void staying.then(
      () => {
        isDone = true;
      },
      () => {},
    );
    // One that is under way for others too, and one that still waits.
    const leaving = [first, second].map((path) =>
      checkInThread(path, stop.signal).catch((error: unknown) => error),
    );
    stop.abort();

    for (const error of await Promise.all(leaving)) assert.ok(throwsCode('ABORTED')(error));
    assert.is(isDone, false);
    for (const check of await staying) assert.equal(check, { kind: 'right', isNoted: true });
    assert.is(most, 2);
    assert.equal(factOf(second), { from: FROM, fault: undefined });
  }),
);

test(
  'requireCheckedToo :: another file in the same place is not what was found right',
  scope((t) => {
    const path = makeStream(t, 'a.stream');
    setUnchecked(path, { from: FROM });
    const held = t.defer(openReader(path), (one) => one.close());
    noteFoundHere(held, undefined);
    requireChecked(held);
    withReader(path, (own) => requireCheckedToo(own, held));

    const other = makeStream(t, 'b.stream');
    setUnchecked(other, { from: FROM });
    renameSync(other, path);

    const own = t.defer(openReader(path), (one) => one.close());
    assert.throws(() => requireCheckedToo(own, held), throwsCode('SIGNATURES_UNCHECKED'));
    // That of a file which was never owed anything says nothing of another either.
    const checked = t.defer(openReader(makeStream(t, 'c.stream')), (one) => one.close());
    assert.throws(() => requireCheckedToo(own, checked), throwsCode('SIGNATURES_UNCHECKED'));
  }),
);

test(
  'HostedFile :: what was found right of one file is not believed of another that took its place',
  scope((t) => {
    const path = makeStream(t, 'a.stream');
    const other = makeStream(t, 'b.stream');
    for (const one of [path, other]) setUnchecked(one, { from: FROM });
    const events = { onIdentity: () => {}, onOpen: () => {} };
    const file = t.defer(new HostedFile({ path }, events), (one) => one.release());
    const { version } = file;
    renameSync(other, path);
    file.pollFile();

    file.noteFound(version, undefined);
    file.poll();

    assert.is(file.signatures, 'unchecked');
    file.noteFound(file.version, undefined);
    file.poll();
    assert.is(file.signatures, 'checked');
  }),
);

test(
  'verifyStream :: a sound file is checked by it, one that is not stays as it is',
  scope(async (t) => {
    const path = makeStream(t, 'a.stream');
    setUnchecked(path, { from: FROM });
    assert.is((await verifyStream(path)).faults, 0);
    assert.is(factOf(path), undefined);

    setUnchecked(path, { from: FROM });
    breakSignature(t, path);
    assert.is((await verifyStream(path)).faults, 1);
    assert.is(factOf(path)?.from, FROM);
  }),
);

test.run();
