/** The note that signatures are still to be checked: who checks them, and what becomes of it (R22). */
import { chmodSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostedFile } from '../../src/server/hosted-file.ts';
import { verifyStream } from '../../src/store/audit.ts';
import { checkSignatures } from '../../src/store/check-signatures.ts';
import { checkInThread } from '../../src/store/check-thread.ts';
import { openReader } from '../../src/store/open-reader.ts';
import {
  formatUnchecked,
  parseUnchecked,
  requireChecked,
  type Unchecked,
  uncheckedOf,
} from '../../src/store/unchecked.ts';
import { runHelper } from '../helpers/child.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { setUnchecked } from '../helpers/set-unchecked.ts';
import { newStream, rawDatabase } from '../helpers/store.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('store/check-signatures');

const FROM = 'http://192.168.1.20:33125';
const NOBODY = 65_534;

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
    const wrong = { kind: 'wrong', unchecked: { from: FROM, fault } };
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
  'HostedFile :: what was found right of one file is not believed of another that took its place',
  scope((t) => {
    const path = makeStream(t, 'a.stream');
    const other = makeStream(t, 'b.stream');
    for (const one of [path, other]) setUnchecked(one, { from: FROM });
    const events = { onIdentity: () => {}, onOpen: () => {} };
    const file = t.defer(new HostedFile({ path }, events), (one) => one.release());
    const { inode } = file;
    renameSync(other, path);
    file.pollFile();

    file.noteChecked(inode);
    file.poll();

    assert.is(file.signatures, 'unchecked');
    file.noteChecked(file.inode);
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

test(
  'openStreamSet :: what is checked and cannot be noted is given all the same, as long as it is the same file',
  scope(async (t) => {
    mkdirSync(t.path('shut'));
    const path = makeStream(t, 'shut/a.stream');
    setUnchecked(path, { from: FROM });
    for (const name of readdirSync(t.path('shut'))) chmodSync(t.path('shut', name), 0o444);
    chmodSync(t.path('shut'), 0o555);
    chmodSync(t.directory, 0o755);

    const user = process.getuid?.() === 0 ? NOBODY : undefined;
    const child = runHelper('checked-set-child.ts', [path], { user });

    assert.is(await child.ended, 0);
    assert.equal([...child.lines], ['unchecked true', 'checked false']);
    chmodSync(t.path('shut'), 0o755);
    assert.equal(factOf(path), { from: FROM, fault: undefined });
  }),
);

function makeStream(t: Scope, name: string): string {
  const stream = newStream(t, name, { secretKey: KEY_A.secretKey });
  stream.set('a', 1).set('b', 2);
  stream.close();
  return stream.path;
}

function breakSignature(t: Scope, path: string): void {
  const database = rawDatabase(t, path);
  database.exec("UPDATE record SET signature = zeroblob(64) WHERE key = 'a'");
  database.close();
}

function withReader<T>(path: string, body: (reader: ReturnType<typeof openReader>) => T): T {
  const reader = openReader(path);
  try {
    return body(reader);
  } finally {
    reader.close();
  }
}

function factOf(path: string): Unchecked | undefined {
  return withReader(path, uncheckedOf);
}

test.run();
