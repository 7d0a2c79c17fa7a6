import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkOptions, type IntegrationOptions } from '../../src/integrations/options.ts';
import { publishOutput } from '../../src/integrations/publish-output.ts';
import { formatSecretKey, generateKeyPair } from '../../src/store/key-file.ts';
import { writeSite } from '../helpers/disk-site.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { contentOfFolder, contentOfStream, generationOf } from '../helpers/site-content.ts';
import { rejectsCode, throwsCode } from '../helpers/throws.ts';

const test = suite('integrations/publish-output');

/** Publishes the folder `out` of the test's own directory; returns what was logged. */
async function publish(
  t: Scope,
  options: IntegrationOptions = {},
  isWatching = false,
): Promise<string[]> {
  const lines: string[] = [];
  const log = {
    info: (text: string) => void lines.push(text),
    warn: (text: string) => void lines.push(`warning: ${text}`),
  };
  await publishOutput({ directory: 'out', root: t.directory, isWatching, log }, options);
  return lines;
}

function site(t: Scope): void {
  writeSite(t.path('out'), { 'index.html': '<h1>1</h1>', 'a/b.txt': 'b', 'a/c.txt': 'c' });
}

/** Sets variables of this process until the test has ended. */
function setEnvironment(t: Scope, variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    t.defer(process.env[name], (before) => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
    process.env[name] = value;
  }
}

test(
  'publishOutput :: the stream lies beside the output by default, and the log says what was done',
  scope(async (t) => {
    site(t);
    mkdirSync(t.path('elsewhere'));
    symlinkSync(t.path('elsewhere'), t.path('out', 'link'));

    const [key, careful, skipped, published, id] = await publish(t);

    assert.is(key, `made a key: ${t.path('out.stream.privatekey')}`);
    assert.match(careful ?? '', /^warning: copy it to a safe place/);
    assert.match(skipped ?? '', /^warning: left out link: /);
    assert.is(published, 'published out: 3 added, generation 1');
    assert.match(id ?? '', /^stream .{44}; look at it: drayer serve out\.stream$/);
    rmSync(t.path('out', 'link'));
    assert.equal(contentOfStream(t.path('out.stream')), contentOfFolder(t.path('out')));

    writeSite(t.path('out'), { 'index.html': '<h1>2</h1>', new: 'n' });
    rmSync(t.path('out', 'a', 'b.txt'));
    assert.is(
      (await publish(t))[0],
      'published out: 1 added, 1 changed, 1 removed, 1 unchanged, generation 2',
    );
    assert.equal(await publish(t), [
      'nothing to publish: out is as it was, generation 2 (3 unchanged)',
    ]);
  }),
);

test(
  'publishOutput :: a tool that watches publishes with `always` only, `never` never does',
  scope(async (t) => {
    site(t);
    for (const [options, isWatching] of [
      [{}, true],
      [{ when: 'build' }, true],
      [{ when: 'never' }, false],
      [{ when: 'never' }, true],
    ] as const) {
      assert.equal(await publish(t, options, isWatching), []);
    }
    assert.not(existsSync(t.path('out.stream')));

    assert.match((await publish(t, { when: 'always' }, true)).join('\n'), 'published out');
  }),
);

test(
  'publishOutput :: paths are relative to the root; what the config says of the folder holds',
  scope(async (t) => {
    site(t);
    mkdirSync(t.path('conf'));
    writeFileSync(
      t.path('conf', 'my.config.mjs'),
      `export default { streams: [{ directory: '../other', path: '../no.stream' },
        { directory: '../out', path: '../configured.stream' }], ignore: ['b.txt'] };`,
    );

    const config = 'conf/my.config.mjs';
    assert.match((await publish(t, { config, ignore: ['c.txt'] })).join('\n'), 'out: 1 added');
    assert.match((await publish(t, { config, stream: 'named.stream' })).join('\n'), 'out: 2 added');
    setEnvironment(t, { DRAYER_CONFIG: t.path(config) });
    assert.match((await publish(t)).join('\n'), 'published out: 1 added, 1 unchanged');

    assert.equal(Object.keys(contentOfStream(t.path('configured.stream'))), [
      'a/c.txt',
      'index.html',
    ]);
    assert.equal(Object.keys(contentOfStream(t.path('named.stream'))), ['a/c.txt', 'index.html']);
  }),
);

test(
  'publishOutput :: what is wrong comes with its hint, and the stream stays as it was',
  scope(async (t) => {
    site(t);
    await publish(t);
    const before = generationOf(t.path('out.stream'));

    rmSync(t.path('out'), { recursive: true });
    mkdirSync(t.path('out'));
    const emptied = await rejectsCode(publish(t), 'MASS_DELETE');
    assert.match(emptied.message, /would delete all 3 of the stream\n {2}hint: /);

    writeSite(t.path('out'), {
      'page.html': readFileSync(t.path('out.stream.privatekey'), 'utf8'),
    });
    await rejectsCode(publish(t, { allowMassDelete: true }), 'SECRET_IN_SITE');
    assert.equal(generationOf(t.path('out.stream')), before);

    writeSite(t.path('out'), { 'page.html': 'clean' });
    assert.match((await publish(t, { allowMassDelete: true }))[0] ?? '', '1 added, 3 removed');
  }),
);

test(
  'publishOutput :: broken links are warned of or fail the build, by option, config or CI',
  scope(async (t) => {
    setEnvironment(t, { CI: '' });
    writeSite(t.path('out'), { 'index.html': '<a href="gone.html">x</a>' });
    const change = (text: string) => writeSite(t.path('out'), { 'b.txt': text });

    assert.not.match((await publish(t)).join('\n'), 'gone.html');
    change('1');
    const error = await rejectsCode(publish(t, { checkLinks: 'error' }), 'LINKS_BROKEN');
    assert.match(error.message, 'index.html:1: gone.html');
    setEnvironment(t, { CI: 'true' });
    assert.match(
      (await publish(t))[0] ?? '',
      /^warning: a broken link in a file:\nindex\.html:1: gone/,
    );
    change('2');
    assert.match((await publish(t, { checkLinks: 'off' }))[0] ?? '', /^published out: 1 changed/);
    writeFileSync(t.path('drayer.config.mjs'), "export default { checkLinks: 'error' };");
    change('3');
    await rejectsCode(publish(t), 'LINKS_BROKEN');
  }),
);

test(
  'publishOutput :: a key in the place of its file is not echoed, and no stack is',
  scope(async (t) => {
    site(t);
    const key = formatSecretKey(generateKeyPair().secretKey);

    const error = await rejectsCode(publish(t, { keyFile: key }), 'KEY_NOT_FOUND');

    assert.not.ok(`${error.stack}${error.cause}`.includes(key.slice(0, 20)));
    assert.match(error.message, '[secret key]: no private key');
    assert.not.match(error.stack ?? '', /\n\s+at /);
    assert.throws(
      () => checkOptions({ when: key } as object),
      (wrong: unknown) => throwsCode('USAGE')(wrong) && !String(wrong).includes(key),
    );
  }),
);

test(
  'publishOutput :: below drayer publish it publishes nothing itself',
  scope(async (t) => {
    site(t);
    setEnvironment(t, { DRAYER_BUILD: t.directory });

    assert.equal(await publish(t), [
      'drayer publish runs this build, and publishes when it has ended',
    ]);
    assert.not(existsSync(t.path('out.stream')));
  }),
);

const WRONG: readonly (readonly [options: object, message: string])[] = [
  [
    { streem: 'x' },
    'there is no streem; there are stream, config, keyFile, when, ignore, checkLinks, allowMassDelete, unusedKey',
  ],
  [{ stream: '' }, 'stream: expected a non-empty string, got ""'],
  [{ keyFile: 3 }, 'keyFile: expected a non-empty string, got 3'],
  [{ when: true }, "when: expected 'build', 'always' or 'never', got true"],
  [{ checkLinks: 'maybe' }, "checkLinks: expected 'warn', 'error' or 'off', got \"maybe\""],
  [{ ignore: 'a' }, 'ignore: expected a list of strings, got "a"'],
  [{ ignore: [''] }, 'ignore: expected a list of strings, got [""]'],
  [{ unusedKey: 'yes' }, 'unusedKey: expected true or false, got "yes"'],
];

for (const [options, message] of WRONG) {
  test(`checkOptions :: names the option: ${message}`, () => {
    assert.throws(
      () => checkOptions(options as IntegrationOptions),
      (error: unknown) =>
        throwsCode('USAGE')(error) && String(error).endsWith(`options of drayer(): ${message}`),
    );
  });
}

test('checkOptions :: what is undefined is left to its default', () => {
  const options = { stream: undefined, ignore: [], when: 'always' } as const;

  assert.is(checkOptions(options), options);
});

// The last one: the key stays with the process.
test(
  'publishOutput :: a key in the environment signs every build of the process, and nobody else sees it',
  scope(async (t) => {
    site(t);
    const { secretKey, publicKey } = generateKeyPair();
    setEnvironment(t, { DRAYER_KEY: formatSecretKey(secretKey) });

    const first = await publish(t, { unusedKey: true });
    writeSite(t.path('out'), { 'index.html': '<h1>2</h1>' });
    const second = await publish(t);

    const id = Buffer.from(publicKey).toString('base64');
    assert.match(first.join('\n'), `stream ${id}`);
    assert.match(second.join('\n'), 'published out: 1 changed');
    assert.is(process.env['DRAYER_KEY'], undefined);
    assert.not(existsSync(t.path('out.stream.privatekey')));
  }),
);

test.run();
