/** `drayer mirror` with only some values (R18): what it says, what `info` says, and how it is changed. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shell } from '../helpers/drayer.ts';
import { noise, publish } from '../helpers/published.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/mirror-values');

test(
  'mirror, info :: what is held, what is wanted, and from when; another choice fetches or erases',
  scope(async (t) => {
    const { stream, port } = await publish(t);
    for (let i = 0; i < 5; i += 1) stream.setBytes('file', `${i}`, noise(2000, i + 1));
    const { run } = shell(t, { directory: t.path('work') });
    const url = `http://127.0.0.1:${port}`;
    const facts = async (): Promise<Facts> =>
      JSON.parse((await run('info', stream.id, '--json')).stdout) as Facts;

    const first = await run('mirror', url, '--newest', '2', '--types', 'file');
    const held = await facts();
    const info = await run('info', stream.id);
    const again = await run('mirror', url);
    const none = await run('mirror', url, '--metadata-only');
    const all = await run('mirror', url, '--all');
    const whole = await facts();

    assert.equal([first.status, first.stderr], [0, '']);
    assert.match(first.stdout, /it holds values of the newest 2 records, of type file\n/);
    assert.equal(held.values?.mode, { newest: 2, types: ['file'] });
    assert.equal([held.values?.held, held.values?.leftOut, held.wanted], [3, 3, []]);
    const [from, to] = ['3', '4'].map((key) => stream.reader.getRecord('file', key).timestamp);
    assert.equal([held.values?.from, held.values?.to], [from, to]);
    assert.match(info.stdout, /values +3 of 6 held, 0 wanted, 3 left out\n/);
    assert.match(info.stdout, /it holds +values of the newest 2 records, of type file, chosen 20/);
    assert.match(info.stdout, /held from +20\d\d-.* to 20/);
    assert.match(info.stderr, /every value that is wanted is held/);
    assert.match(again.stdout, /up to date.*\nit holds values of the newest 2 records, of type/);
    assert.match(none.stdout, /it holds no values; 2 values erased\n/);
    assert.equal([all.status, /it holds/.test(all.stdout)], [0, false]);
    assert.equal([whole.values, whole.wanted], [undefined, []]);
  }),
);

test(
  'mirror :: values that nobody holds are a warning and status 3; a choice that cannot be, status 2',
  scope(async (t) => {
    const { stream, port } = await publish(t);
    stream.setBytes('file', 'index.html', noise(2000));
    const { run } = shell(t, { directory: t.path('work') });
    const near = await run('mirror', `http://127.0.0.1:${port}`, '-s', 'near.stream', '--newest=0');
    const { start } = shell(t, { directory: t.path('work'), home: 'other' });
    const server = start('serve', 'near.stream', '--port', '0');
    const [address = ''] = await server.waitFor(/http:\/\/127\.0\.0\.1:\d+/);
    const mirror = (...flags: string[]) =>
      run('mirror', address, stream.id, '-s', 'far.stream', ...flags);

    await mirror('--metadata-only');
    const wider = await mirror('--all');
    const mistakes = [
      await mirror('--all', '--newest', '1'),
      await mirror('--metadata-only', '--types', 'file'),
      await mirror('--newest', 'many'),
      await mirror('--types', 'file,'),
      await mirror('--max-value', 'large'),
    ];

    assert.is(near.status, 0);
    assert.is(wider.status, 3);
    assert.match(
      wider.stderr,
      /warning: 1 value could not be had: no source that was asked holds it/,
    );
    for (const { status, stderr } of mistakes) {
      assert.is(status, 2, stderr);
      assert.match(stderr, /hint:/);
    }
  }),
);

test(
  'mirror :: by the daemon that runs, it is the same',
  scope(async (t) => {
    const { stream, port } = await publish(t);
    for (let i = 0; i < 5; i += 1) stream.setBytes('file', `${i}`, noise(2000, i + 1));
    const { run, start } = shell(t, { directory: t.path('work') });
    const url = `http://127.0.0.1:${port}`;
    await run('mirror', url, '--newest', '1');
    const server = start('serve', '--port', '0');
    await server.waitFor(/http:\/\/127\.0\.0\.1:\d+/);

    const more = await run('mirror', url, '--newest', '3', '--json');
    const less = await run('mirror', url, '--metadata-only');

    const { values, droppedValues, daemon } = JSON.parse(more.stdout) as Record<string, unknown>;
    assert.equal([values, droppedValues, typeof daemon], [{ newest: 3 }, 0, 'number']);
    assert.match(less.stdout, /it holds no values; 3 values erased\n/);
    assert.match(less.stdout, /keeps it up to date/);
  }),
);

type Facts = {
  readonly wanted: readonly unknown[];
  readonly values?: {
    readonly mode: unknown;
    readonly held: number;
    readonly leftOut: number;
    readonly from: number;
    readonly to: number;
  };
};

test.run();
