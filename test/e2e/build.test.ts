/** A configured build: run by `drayer publish`, as a person and as a CI job meet it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Shell, shell } from '../helpers/drayer.ts';
import { untilEnded } from '../helpers/process-state.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { contentOfFolder, contentOfStream, generationOf } from '../helpers/site-content.ts';

const test = suite('e2e/build');

/** A project whose site is made by `make-site.sh`; its stream is `out.stream`. */
function project(t: Scope, script: string): Shell {
  const sh = shell(t);
  writeScript(t, script);
  writeFileSync(
    t.path('drayer.config.ts'),
    `import { defineConfig } from 'drayer';
     export default defineConfig({ build: { command: 'sh make-site.sh', output: 'out' } });`,
  );
  return sh;
}

function writeScript(t: Scope, script: string): void {
  writeFileSync(t.path('make-site.sh'), script);
}

const GOOD =
  'echo says stdout; echo says stderr >&2; mkdir -p out; echo "<h1>1</h1>" > out/index.html';

test(
  'publish :: builds first, shows what the build says on stderr, publishes its output',
  scope(async (t) => {
    const sh = project(t, GOOD);

    const first = await sh.run('publish');

    assert.is(first.status, 0, first.stderr);
    assert.match(first.stderr, /drayer: builds with sh make-site\.sh\nsays stdout\nsays stderr\n/);
    assert.match(first.stdout, /^ {2}\+ index\.html\npublished out: 1 added/);
    assert.not.match(first.stdout, 'says');
    assert.equal(contentOfStream(t.path('out.stream')), contentOfFolder(t.path('out')));

    const again = await sh.run('publish', '--json');

    assert.is(JSON.parse(again.stdout).wrote, false);
    assert.is(again.stderr, '');
  }),
);

test(
  'publish :: --no-build and a folder that is named publish what is there, and run nothing',
  scope(async (t) => {
    const sh = project(t, 'touch ran; exit 1');
    mkdirSync(t.path('out'));
    writeFileSync(t.path('out', 'index.html'), 'by hand');

    const unbuilt = await sh.run('publish', '--no-build');
    const named = await sh.run('publish', 'out');

    assert.is(unbuilt.status, 0, unbuilt.stderr);
    assert.match(named.stdout, /^nothing to publish: out is as it was/);
    assert.not(existsSync(t.path('ran')));
  }),
);

test(
  'publish :: a build that fails publishes nothing; the stream stays as it was',
  scope(async (t) => {
    const sh = project(t, GOOD);
    assert.is((await sh.run('publish')).status, 0);
    const before = generationOf(t.path('out.stream'));

    writeScript(t, 'echo half > out/index.html; echo "no such layout" >&2; exit 3');
    const failed = await sh.run('publish');

    assert.is(failed.status, 1);
    assert.is(failed.stdout, '');
    assert.match(
      failed.stderr,
      /no such layout\ndrayer: error: build: "sh make-site\.sh" ended with exit status 3; nothing was published\ndrayer: hint: run it in /,
    );

    const quiet = await sh.run('publish', '--quiet');
    assert.match(quiet.stderr, /^drayer: error: .* Its last lines:\ndrayer: {3}no such layout\n/);

    const json = await sh.run('publish', '--json');
    assert.is(json.status, 1);
    const { error } = JSON.parse(json.stdout);
    assert.is(error.code, 'BUILD_FAILED');
    assert.match(error.message, 'no such layout');

    assert.equal(generationOf(t.path('out.stream')), before);
  }),
);

test(
  'publish :: the first build fails or leaves nothing: no stream and no key are made',
  scope(async (t) => {
    for (const [script, message] of [
      ['exit 1', /ended with exit status 1/],
      ['exit 0', /succeeded, but there is no .*out; nothing was published/],
      ['mkdir -p out/deep', /succeeded, but .*out is empty; nothing was published/],
    ] as const) {
      const sh = project(t, script);

      const { status, stderr } = await sh.run('publish');

      assert.is(status, 1);
      assert.match(stderr, message);
      assert.not(existsSync(t.path('out.stream')));
      assert.not(existsSync(t.path('out.stream.privatekey')));
    }
  }),
);

test(
  'publish :: the build never sees the signing key, and the key signs what it made',
  scope(async (t) => {
    const sh = project(t, 'mkdir -p out; env > out/env.txt; cat > out/stdin.txt');
    await sh.run('key', 'new', 'ci.privatekey');
    const key = readFileSync(t.path('ci.privatekey'), 'utf8').trim();

    const byText = await sh.with({ DRAYER_KEY: key, CI: '1' }).run('publish', '--unused-key');
    const environment = readFileSync(t.path('out', 'env.txt'), 'utf8');

    assert.is(byText.status, 0, byText.stderr);
    assert.match(environment, /^CI=1$/m);
    assert.not.match(environment, /DRAYER_KEY/);
    assert.not.ok(environment.includes(key));
    assert.not(existsSync(t.path('out.stream.privatekey')));

    const byFile = await sh
      .with({ DRAYER_KEY_FILE: t.path('ci.privatekey') })
      .run('publish', '--json');
    assert.is(byFile.status, 0, byFile.stderr);
    assert.not.match(readFileSync(t.path('out', 'env.txt'), 'utf8'), /DRAYER_KEY|ci\.privatekey/);
    assert.is(readFileSync(t.path('out', 'stdin.txt'), 'utf8'), '');
  }),
);

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(
    `publish :: ${signal} reaches the build and what it started; nothing is published`,
    scope(async (t) => {
      const sh = project(
        t,
        `mkdir out; echo 1 > out/x
         sh -c 'trap "echo INT > got; exit" INT; trap "echo TERM > got; exit" TERM
                echo ready >&2; while true; do sleep 0.05; done'`,
      );
      const running = sh.start('publish');
      await running.waitForStderr(/ready/);

      const ended = await running.stop(signal);

      assert.is(ended.status, status);
      assert.match(ended.stderr, 'drayer: stopped; nothing is left half done');
      assert.is(readFileSync(t.path('got'), 'utf8').trim(), signal.slice(3));
      assert.not(existsSync(t.path('out.stream')));
    }),
  );
}

test(
  'publish :: a second Ctrl-C ends at once what would not end',
  scope(async (t) => {
    const sh = project(
      t,
      `echo $$ > pid; trap 'echo deaf >&2' INT; echo ready >&2; while true; do sleep 0.05; done`,
    );
    const running = sh.start('publish');
    await running.waitForStderr(/ready/);
    running.child.kill('SIGINT');
    await running.waitForStderr(/deaf/);

    const ended = await running.stop('SIGINT');

    assert.is(ended.status, 130);
    await untilEnded(Number(readFileSync(t.path('pid'), 'utf8')));
  }),
);

test(
  'publish :: a build that publishes is told so, instead of running for ever',
  scope(async (t) => {
    const sh = project(t, `mkdir -p out; echo 1 > out/x; "$NODE" "$DRAYER" publish`);
    const bin = new URL('../../dist/cli/bin.cjs', import.meta.url).pathname;

    const { status, stderr } = await sh
      .with({ NODE: process.execPath, DRAYER: bin })
      .run('publish');

    assert.is(status, 1);
    assert.match(stderr, /"sh make-site\.sh" runs drayer publish, which would run it again/);
    assert.match(stderr, /ended with exit status 2; nothing was published/);
  }),
);

test(
  'publish --dry-run :: builds, and says what the new output would mean',
  scope(async (t) => {
    const sh = project(t, GOOD);

    const { status, stdout } = await sh.run('publish', '--dry-run');

    assert.is(status, 0);
    assert.match(stdout, /\+ index\.html/);
    assert.not(existsSync(t.path('out.stream')));
  }),
);

test(
  "publish --watch :: builds once, then the tool's own watcher rebuilds, and ends with drayer",
  scope(async (t) => {
    const sh = project(t, GOOD);
    writeFileSync(
      t.path('watch.sh'),
      `trap 'echo INT > got; exit' INT
       while true; do
         if [ -e go ]; then rm go; echo "<h1>rebuilt</h1>" > out/index.html; fi
         sleep 0.05
       done`,
    );
    writeFileSync(
      t.path('drayer.config.ts'),
      `import { defineConfig } from 'drayer';
       export default defineConfig({
         build: { command: 'sh make-site.sh', watch: 'sh watch.sh', output: 'out' },
       });`,
    );

    const running = sh.start('publish', '--watch');
    await running.waitForStderr(/builds with sh watch\.sh/);
    await running.waitForStderr(/watching out; Ctrl-C stops it/);
    writeFileSync(t.path('go'), '');
    await running.waitFor(/\+0 ~1 -0 {2}generation 2/);
    const ended = await running.stop('SIGINT');

    assert.equal(contentOfStream(t.path('out.stream')), contentOfFolder(t.path('out')));
    assert.is(readFileSync(t.path('got'), 'utf8'), 'INT\n');
    assert.is(ended.status, 130);
  }),
);

test(
  'publish --watch :: a watcher that ends takes drayer with it, and says so',
  scope(async (t) => {
    const sh = project(t, GOOD);
    writeFileSync(
      t.path('drayer.config.ts'),
      `export default {
         build: { command: 'sh make-site.sh', watch: 'echo gone; exit 4', output: 'out' },
       };`,
    );

    const { status, stderr } = await sh.run('publish', '--watch', '--quiet');

    assert.is(status, 1);
    assert.match(
      stderr,
      /error: build\.watch: "echo gone; exit 4" ended with exit status 4; nothing builds any more\. Its last lines:\ndrayer: {3}gone\n/,
    );
  }),
);

test.run();
