import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SpillFile, type SpillPlace } from '../../src/store/spill-file.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('store/spill-file');

test(
  'SpillFile :: gives back what came, of any length, in any order, also while more comes',
  scope((t) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const file = t.defer(new SpillFile(t.path('a.stream')), (it) => it.close());
    const large = [60_000, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 1_000_000];
    const kept: { place: SpillPlace; bytes: Uint8Array }[] = [];
    const check = ({ place, bytes }: (typeof kept)[number]): void => {
      assert.ok(Buffer.from(bytes).equals(file.read(place)), `seed ${seed}, at ${place.at}`);
    };

    for (let step = 0; step < scaled(300); step += 1) {
      const length = random.oneIn(6) ? random.pick(large) : random.below(6_000);
      const bytes = new Uint8Array(length).fill(random.below(256));
      bytes.set([step & 0xff, step >> 8].slice(0, length));
      kept.push({ place: file.append(bytes), bytes });
      if (random.oneIn(4)) check(random.pick(kept));
    }

    kept.forEach(check);
  }),
);

test(
  'SpillFile :: has no name, so that nothing of it is left by a process that is killed',
  scope((t) => {
    mkdirSync(t.path('tmp'));
    mkdirSync(t.path('streams'));
    const file = t.defer(new SpillFile(t.path('streams/a.stream'), [t.path('tmp')]), (it) =>
      it.close(),
    );
    file.append(new Uint8Array(1_000_000));

    assert.equal([readdirSync(t.path('tmp')), readdirSync(t.path('streams'))], [[], []]);
  }),
);

test(
  'SpillFile :: is beside the stream where there is no other folder, and says where there is none at all',
  scope((t) => {
    const folders = [t.path('none'), t.path('nor-this')];
    const file = t.defer(new SpillFile(t.path('a.stream'), folders), (it) => it.close());
    const make = (): SpillFile => new SpillFile(t.path('none/a.stream'), folders);

    assert.equal([...file.read(file.append(new Uint8Array([1, 2])))], [1, 2]);
    assert.equal(readdirSync(t.path('.')), []);
    assert.throws(make, throwsCode('STORAGE_FAILED'));
    assert.throws(make, /none: cannot make a file in it: its folder is missing/);
  }),
);

test(
  'SpillFile :: a disk that is full is told, and what was written before is still right',
  scope((t) => {
    if (process.platform !== 'linux') return;
    // A file may not be larger than this process may make it.
    const script = `
      import { SpillFile } from '${new URL('../../src/store/spill-file.ts', import.meta.url)}';
      const file = new SpillFile(process.argv[1], []);
      const places = [];
      let error;
      for (let i = 0; i < 900 && error === undefined; i += 1) {
        try {
          places.push(file.append(new Uint8Array(5000).fill(i)));
        } catch (thrown) {
          error = thrown;
        }
      }
      const isRight = places.every((place, i) => file.read(place).every((byte) => byte === i % 256));
      console.log(error.code, error.message.replace(/^.*: cannot/, 'cannot'), places.length > 150, isRight);`;
    const run = spawnSync(
      'sh',
      ['-c', 'ulimit -f 2000; trap "" XFSZ; exec "$@"', 'sh', process.execPath]
        .concat(['--conditions=source', '--import', 'tsx', '--input-type=module', '-e', script])
        .concat(t.path('a.stream')),
      { encoding: 'utf8' },
    );

    assert.is(run.stdout, 'STORAGE_FAILED cannot keep what is to be written: EFBIG true true\n');
  }),
);

test.run();
