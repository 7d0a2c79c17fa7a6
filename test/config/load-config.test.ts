import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config/load-config.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('config/load-config');

async function write(t: Scope, source: string, name = 'drayer.config.ts'): Promise<string> {
  await writeFile(t.path(name), source);
  return t.path(name);
}

/** A config as a person writes it; `text` is the object literal. */
function typed(text: string): string {
  return `import { defineConfig } from 'drayer';\nexport default defineConfig(${text});\n`;
}

test(
  'loadConfig :: a folder without a config gives an empty one',
  scope(async (t) => {
    const config = await loadConfig(t.directory);

    assert.equal(config, { file: undefined, root: t.directory, streams: [] });
  }),
);

test(
  'loadConfig :: TypeScript runs and its paths become absolute, from the file, not from the cwd',
  scope(async (t) => {
    const file = await write(
      t,
      typed(
        `{ directory: 'site' as string, stream: '../keep/me.stream', port: 4000, dataDir: 'mirrors' }`,
      ),
    );

    const config = await loadConfig(t.directory);

    assert.equal(config, {
      file,
      root: t.directory,
      port: 4000,
      dataDir: t.path('mirrors'),
      streams: [
        {
          directory: t.path('site'),
          path: t.path('..', 'keep', 'me.stream'),
          keyFile: undefined,
          name: 'site',
        },
      ],
    });
  }),
);

test(
  'loadConfig :: several streams keep their order, names come from folder, file or name',
  scope(async (t) => {
    await write(
      t,
      typed(
        `{ streams: [{ directory: 'a' }, { path: 'b.stream' }, { directory: 'c', name: 'sea', keyFile: 'k' }] }`,
      ),
    );

    const { streams } = await loadConfig(t.directory);

    assert.equal(
      streams.map(({ name, directory, path, keyFile }) => [name, directory, path, keyFile]),
      [
        ['a', t.path('a'), undefined, undefined],
        ['b', undefined, t.path('b.stream'), undefined],
        ['sea', t.path('c'), undefined, t.path('k')],
      ],
    );
  }),
);

test(
  'loadConfig :: plain JavaScript, a named file and a config that imports its neighbour work',
  scope(async (t) => {
    await write(t, 'export const port = 5000;', 'shared.mjs');
    const file = await write(
      t,
      "import { port } from './shared.mjs';\nexport default { port };",
      'other.config.mjs',
    );

    assert.is((await loadConfig(file)).port, 5000);
  }),
);

test(
  'loadConfig :: a config that asks for more than defineConfig gets the running program',
  scope(async (t) => {
    await write(
      t,
      "import { defineConfig, answer } from 'drayer';\nexport default defineConfig({ port: answer() });",
    );
    let loads = 0;
    const importProgram = async () => {
      loads += 1;
      return { defineConfig: (config: object) => config, answer: () => 42 };
    };

    const config = await loadConfig(t.directory, { importProgram });

    assert.is(config.port, 42);
    assert.is(loads, 1);
  }),
);

test(
  'loadConfig :: the program is not loaded for a config that needs only defineConfig',
  scope(async (t) => {
    await write(t, typed('{ port: 1 }'));
    const importProgram = () => Promise.reject(new Error('must not be called'));

    assert.is((await loadConfig(t.directory, { importProgram })).port, 1);
  }),
);

test(
  'loadConfig :: a frozen config is not changed, nothing is written beside it, an edit is seen',
  scope(async (t) => {
    await write(t, 'export default Object.freeze({ port: 1, streams: Object.freeze([]) });');
    assert.is((await loadConfig(t.directory)).port, 1);

    await write(t, 'export default Object.freeze({ port: 2 });');

    assert.is((await loadConfig(t.directory)).port, 2);
    assert.equal(await readdir(t.directory), ['drayer.config.ts']);
  }),
);

test(
  'loadConfig :: what is kept of a translated file is never older than the file',
  scope(async (t) => {
    const cacheDir = t.path('cache');
    for (const port of [1, 1, 2, 1]) {
      await write(t, typed(`{ port: ${port} as number }`));
      assert.is((await loadConfig(t.directory, { cacheDir })).port, port);
    }
    assert.ok((await readdir(cacheDir)).length > 0);

    await writeFile(t.path('in-the-way'), '');
    assert.is((await loadConfig(t.directory, { cacheDir: t.path('in-the-way', 'x') })).port, 1);
  }),
);

// In a process of its own: what tries for ever does so in one go, and no timer here would end it.
(existsSync('/proc/self') ? test : test.skip)(
  'loadConfig :: where no folder can be made for it, a config is read without one, at once',
  scope(async (t) => {
    await write(t, typed('{ port: 1 as number }'));
    const source = fileURLToPath(new URL('../../src/config/load-config.ts', import.meta.url));
    const script = `import { loadConfig } from '${source}';
      const { port } = await loadConfig('${t.directory}', { cacheDir: '/proc/none/drayer' });
      console.log(port);`;
    await writeFile(t.path('read.mts'), script);

    const args = [
      '--conditions=source',
      '--import',
      import.meta.resolve('tsx'),
      t.path('read.mts'),
    ];
    const read = spawnSync(process.execPath, args, { timeout: 20_000, killSignal: 'SIGKILL' });

    assert.is(read.stdout.toString(), '1\n', read.stderr.toString());
  }),
);

test(
  'loadConfig :: the output of a build is the folder to publish, and its command runs beside the file',
  scope(async (t) => {
    await write(
      t,
      typed(
        `{ build: { command: 'npx eleventy', output: '_site' }, stream: 'me.stream', keyFile: 'k' }`,
      ),
    );
    const build = { command: 'npx eleventy', watch: undefined, folder: t.directory };
    const expected = { directory: t.path('_site'), path: t.path('me.stream'), name: '_site' };

    const { streams } = await loadConfig(t.directory);

    assert.equal(streams, [{ ...expected, keyFile: t.path('k'), build }]);
  }),
);

test(
  'loadConfig :: every stream may have a build of its own, or none',
  scope(async (t) => {
    await write(
      t,
      typed(
        `{ streams: [{ build: { command: 'make', output: 'out', watch: 'make -w' }, name: 'x' }, { directory: 'a' }] }`,
      ),
    );

    const { streams } = await loadConfig(t.directory);

    assert.equal(
      streams.map(({ directory, name, build }) => ({ directory, name, build })),
      [
        {
          directory: t.path('out'),
          name: 'x',
          build: { command: 'make', watch: 'make -w', folder: t.directory },
        },
        { directory: t.path('a'), name: 'a', build: undefined },
      ],
    );
  }),
);

test(
  'loadConfig :: servers of the whole config are those of every stream without its own',
  scope(async (t) => {
    const streams = `[{ directory: 'a' }, { directory: 'b', servers: [] }]`;
    await write(t, typed(`{ servers: ['https://example.org/'], streams: ${streams} }`));

    const config = await loadConfig(t.directory);

    assert.equal(
      config.streams.map(({ servers }) => servers),
      [['https://example.org/'], []],
    );
  }),
);

const WRONG: readonly (readonly [source: string, message: string])[] = [
  [typed('{ port: "80" as any }'), 'port: expected number, got string'],
  [typed('{ port: 70000 }'), 'port: expected an integer from 0 to 65535, got 70000'],
  [typed('{ port: 1.5 }'), 'port: expected an integer from 0 to 65535, got 1.5'],
  [typed('{ directory: "" }'), 'directory: expected a non-empty string, got ""'],
  [
    typed('{ streams: [{ directory: "a" }, { path: 3 as any }] }'),
    'streams[1].path: expected string, got number',
  ],
  [typed('{ streams: "site" as any }'), 'streams: expected array, got string'],
  [
    typed('{ streams: [{ name: "x" }] }'),
    'streams[0]: expected directory, path or both, got neither',
  ],
  [
    typed('{ directory: "a", streams: [] }'),
    'directory: expected either this field or streams, got both',
  ],
  [typed('{ keyFile: "a" }'), 'keyFile: expected directory beside it, got none'],
  [typed('{ host: "::1", lan: true }'), 'host: expected either host or lan, got both'],
  [
    typed('{ allowHosts: ["http://a"] }'),
    'allowHosts[0]: expected a host name without port or scheme, got "http://a"',
  ],
  [
    typed('{ servers: ["ftp://a"] }'),
    'servers[0]: expected an address such as https://example.org/, got "ftp://a"',
  ],
  [
    typed('{ streams: [{ path: "a", servers: ["https://me@example.org"] }] }'),
    'streams[0].servers[0]: expected an address such as https://example.org/, got "https://me@example.org"',
  ],
  [typed('{ mount: "drayer" }'), 'mount: expected a path such as /drayer, got "drayer"'],
  [
    typed("{ expires: 'soon' }"),
    'expires: expected 12 hours, 30 days, 1 week or never, got "soon"',
  ],
  [typed('{ maxFileBytes: 0 }'), 'maxFileBytes: expected a whole number of bytes above 0, got 0'],
  [
    typed('{ directory: "a", build: { command: "b", output: "c" } }'),
    'directory: expected either this field or build with its output, got both',
  ],
  [
    typed('{ streams: [{ directory: "a", build: { command: "b", output: "c" } }] }'),
    'streams[0].directory: expected either this field or build with its output, got both',
  ],
  [
    typed('{ build: { command: "b", output: "c" }, streams: [] }'),
    'build: expected either this field or streams, got both',
  ],
  [
    typed('{ build: { command: "b", output: "a/../../.." } }'),
    'build.output: expected the folder that the command writes, got a/../../..',
  ],
  [typed('{ build: "npm run build" as any }'), 'build: expected object, got string'],
  [typed('{ build: { command: "b" } as any }'), 'build.output: expected string, got nothing'],
  [
    typed('{ build: { command: "", output: "c" } }'),
    'build.command: expected a non-empty string, got ""',
  ],
  [
    typed('{ streams: [{ build: { command: "b", output: "c", cwd: "." } as any }] }'),
    'streams[0].build.cwd: no such field; there are command, output, watch',
  ],
  [typed('null as any'), 'default export: expected object, got null'],
  ['export const port = 1;', 'default export: expected object, got undefined'],
];

for (const [source, message] of WRONG) {
  test(
    `loadConfig :: names the field: ${message}`,
    scope(async (t) => {
      const file = await write(t, source);

      const error = await rejectsCode(loadConfig(t.directory), 'CONFIG_INVALID');

      assert.is(error.message, `${file}: ${message}`);
    }),
  );
}

test(
  'loadConfig :: a misspelt field is refused with the list of those there are',
  scope(async (t) => {
    const file = await write(t, typed('{ prot: 1 } as object'));

    const error = await rejectsCode(loadConfig(t.directory), 'CONFIG_INVALID');

    assert.match(
      error.message,
      `${file}: prot: no such field; there are directory, build, stream,`,
    );
  }),
);

test(
  'loadConfig :: a config that throws or does not parse is one sentence with the cause kept',
  scope(async (t) => {
    const file = await write(t, 'throw new Error("out of cheese\\nsecond line");');
    const thrown = await rejectsCode(loadConfig(t.directory), 'CONFIG_INVALID');
    assert.is(thrown.message, `${file}: out of cheese`);
    assert.instance(thrown.cause, Error);

    await write(t, 'export default {');
    const unparsed = await rejectsCode(loadConfig(t.directory), 'CONFIG_INVALID');
    assert.ok(unparsed.message.startsWith(`${file}: `));
    assert.not.match(unparsed.message, /\n/);
  }),
);

test(
  'loadConfig :: a named file that is not there is an error, not an empty config',
  scope(async (t) => {
    const error = await rejectsCode(loadConfig(t.path('no.ts')), 'CONFIG_INVALID');

    assert.is(error.message, `${t.path('no.ts')}: no such config file`);
  }),
);

test(
  'loadConfig :: a folder of that name is not a config',
  scope(async (t) => {
    await mkdir(t.path('drayer.config.ts'));

    assert.is((await loadConfig(t.directory)).file, undefined);
  }),
);

test(
  'loadConfig :: a stream is published to the server of its own, else to that of the whole config',
  scope(async (t) => {
    await write(
      t,
      `export default { to: 'https://a.example/', streams: [
        { directory: 'one' }, { directory: 'two', to: 'https://b.example/' }] };`,
    );

    const { streams } = await loadConfig(t.directory);

    assert.equal(
      streams.map(({ to }) => to),
      ['https://a.example/', 'https://b.example/'],
    );
  }),
);

test.run();
