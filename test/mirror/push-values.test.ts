/** What a signed batch brings is kept until it is taken, for a server may lose what was uploaded. */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { openKeptValues, ValuesToKeep } from '../../src/mirror/pending-values.ts';
import { type PushPlace, pushPlaceOf } from '../../src/mirror/push-place.ts';
import { type PushOptions, type PushReport, pushStream } from '../../src/mirror/push-stream.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Primary, primary } from '../helpers/push-primary.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { bytesOf } from '../helpers/store.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/push-values');

/** One value under each key. */
type Texts = Readonly<Record<string, string>>;

type Rig = {
  readonly server: Primary;
  readonly place: PushPlace;
  put(texts: Texts, more?: Partial<PushOptions>): Promise<PushReport>;
  /** Ends once the batch is signed and on disk, before anything of it is sent. */
  putHalf(texts: Texts): Promise<void>;
};

async function rig(t: Scope): Promise<Rig> {
  const server = await primary(t);
  const dataDir = t.path('owner');
  const put: Rig['put'] = (texts, more) => {
    const values = Object.values(texts).map(bytesOf);
    return pushStream(
      { url: server.url, secretKey: KEY_A.secretKey, dataDir, retryMs: [1, 1], ...more },
      () => ({
        puts: Object.entries(texts).map(([key, text]) => ({
          type: 'blob',
          key,
          hash: hash(bytesOf(text)),
        })),
        deletes: [],
        readValue: (digest) => values.find((one) => Buffer.from(hash(one)).equals(digest)),
      }),
    );
  };
  const stop = new Error('the process dies here');
  const onStep = (step: string): void => {
    if (step === 'stored') throw stop;
  };
  await put({ a: 'first' }, { unusedKey: true });
  return {
    server,
    place: pushPlaceOf(KEY_A.publicKey, dataDir),
    put,
    putHalf: (texts) =>
      put(texts, { onStep }).then(
        () => assert.unreachable('the process lives on'),
        (error: unknown) => assert.is(error, stop),
      ),
  };
}

/** As after a power cut: the names are there or not, what is in them is gone. */
function losePushed({ server }: Rig): void {
  const folder = `${server.path}.pushed`;
  assert.ok(existsSync(folder));
  rmSync(folder, { recursive: true });
}

test(
  'pushStream :: hands over again what the server has lost, though the folder is another by then',
  scope(async (t) => {
    const one = await rig(t);
    await one.putHalf({ b: 'second', c: 'third' });
    assert.is(statSync(one.place.valuesPath).mode & 0o777, 0o600);
    losePushed(one);

    const { resumed, generation } = await one.put({ b: 'other', c: 'one more' });

    assert.equal([resumed, generation.snapshot?.seq], [true, 3]);
    assert.is(one.server.seq(), 3);
    assert.equal(one.server.errors, []);
    for (const path of [one.place.batchPath, one.place.valuesPath]) assert.not(existsSync(path));
  }),
);

test(
  'pushStream :: keeps also what an earlier run had uploaded, and nothing that a generation has',
  scope(async (t) => {
    const one = await rig(t);
    const stop = new Error('the process dies here');
    const onStep = (step: string): void => {
      if (step === 'uploaded') throw stop;
    };
    await one.put({ b: 'second' }, { onStep }).catch((error: unknown) => assert.is(error, stop));
    await one.putHalf({ b: 'second', c: 'first', d: 'third' });

    const kept = openKeptValues(one.place.valuesPath);
    t.defer(kept, () => kept?.close());

    const texts = kept?.hashes.map((digest) =>
      Buffer.from(kept.readValue(digest) ?? []).toString(),
    );
    assert.equal(texts?.sort(), ['second', 'third']);
  }),
);

test(
  'pushStream :: without what was kept says so, and the batch stays',
  scope(async (t) => {
    const one = await rig(t);
    await one.putHalf({ b: 'second' });
    losePushed(one);
    const good = readFileSync(one.place.valuesPath);
    truncateSync(one.place.valuesPath, good.length - 1);

    await rejectsCode(one.put({ b: 'second' }), 'BATCH_REFUSED');

    assert.is(one.server.seq(), 1);
    assert.ok(existsSync(one.place.batchPath));
    writeFileSync(one.place.valuesPath, good);
    assert.is((await one.put({ b: 'second' })).resumed, true);
  }),
);

test(
  'pushStream :: what a run has left that never signed is removed by the next',
  scope(async (t) => {
    const one = await rig(t);
    writeFileSync(one.place.valuesPath, 'left');

    await one.put({ a: 'first' });

    assert.not(existsSync(one.place.valuesPath));
  }),
);

test(
  'pushStream :: a disk that does not take them is told of, and the generation goes out all the same',
  scope(async (t) => {
    const one = await rig(t);
    const onStep = (step: string): void => {
      if (step === 'compared') mkdirSync(one.place.valuesPath);
    };

    const { warnings, generation } = await one.put({ b: 'second', c: 'third' }, { onStep });

    assert.is(generation.snapshot?.seq, 2);
    assert.is(warnings.length, 1);
    assert.match(
      warnings[0] ?? '',
      /\.values: cannot keep what is published: .*cannot be sent again$/,
    );
  }),
);

test(
  'openKeptValues :: gives back what was kept, once each, and nothing that is damaged',
  scope((t) => {
    const path = t.path('x.values');
    const values = ['one', '', 'three'].map(bytesOf);
    const keep = new ValuesToKeep(path);
    for (const value of [...values, ...values]) keep.add(hash(value), value);
    keep.finish();
    const file = readFileSync(path);

    const read = (): (string | undefined)[] => {
      const kept = openKeptValues(path);
      const texts = values.map((value) => {
        const found = kept?.readValue(hash(value));
        return found && Buffer.from(found).toString();
      });
      kept?.close();
      return texts;
    };

    assert.is(file.length, 3 * 36 + 8);
    assert.equal(read(), ['one', '', 'three']);
    writeFileSync(path, Buffer.from(file).fill(0x20, 36, 39));
    assert.equal(read(), [undefined, '', 'three']);
    rmSync(path);
    assert.is(openKeptValues(path), undefined);
  }),
);

test.run();
