/** Secrets of others in a site: refused where nobody can answer, asked about where somebody can. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shell } from '../helpers/drayer.ts';
import { hasTerminal, runOnTerminal } from '../helpers/on-terminal.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/secrets');
const onTerminal = hasTerminal ? test : test.skip;
// Put together here, so that nobody's scan takes this file for a leak.
const TOKEN = `ghp_${'aB3dE5fG7hJ9kL2mN4pQ6rS8tU1vW3xY5zA7'}`;

function writePages(t: Scope): void {
  mkdirSync(t.path('site'));
  writeFileSync(t.path('site', 'index.html'), '<h1>Hello</h1>');
  writeFileSync(t.path('site', 'conf.js'), `// ours\nconst token = "${TOKEN}";\n`);
}

test(
  'publish :: a token in a script is refused with status 8, its place is said and not itself',
  scope(async (t) => {
    const sh = shell(t);
    writePages(t);

    const { status, stdout, stderr } = await sh.run('publish', 'site');

    assert.is(status, 8);
    assert.is(stdout, '');
    assert.match(stderr, 'conf.js: it seems to contain a GitHub token (line 2)');
    assert.match(stderr, '--allow-secrets');
    assert.not.match(stderr, TOKEN.slice(4));
    const json = await sh.run('publish', 'site', '--json');
    assert.is(JSON.parse(json.stdout).error.code, 'CREDENTIAL_IN_SITE');
    assert.is((await sh.run('publish', 'site', '--dry-run')).status, 8);
  }),
);

test(
  'publish :: --allow-secrets allows it once, allowSecrets in the config this file for ever',
  scope(async (t) => {
    const sh = shell(t);
    writePages(t);

    assert.is((await sh.run('publish', 'site', '--allow-secrets')).status, 0);
    writeFileSync(t.path('site', 'conf.js'), `const token = "${TOKEN}";\n`);
    assert.is((await sh.run('publish', 'site')).status, 8);

    const config = { directory: 'site', allowSecrets: ['/conf.*'] };
    writeFileSync(t.path('drayer.config.mjs'), `export default ${JSON.stringify(config)}`);
    assert.is((await sh.run('publish')).status, 0);
    writeFileSync(t.path('site', 'other.js'), `const token = "${TOKEN}";\n`);
    assert.is((await sh.run('publish')).status, 8);
  }),
);

test(
  'publish :: nothing allows a private key of OpenSSH, neither a flag nor the config nor put',
  scope(async (t) => {
    const sh = shell(t);
    writePages(t);
    writeFileSync(t.path('site', 'conf.js'), '// nothing\n');
    assert.is((await sh.run('publish', 'site')).status, 0);
    const body = `b3BlbnNzaC1rZXktdjEA${'aB3dE5fG7hJ9kL2m'.repeat(20)}`;
    const key = `-----BEGIN OPENSSH ${'PRIVATE'} KEY-----\n${body}\n-----END OPENSSH`;
    writeFileSync(t.path('site', 'deploy.txt'), key);
    const config = { directory: 'site', allowSecrets: ['**'] };
    writeFileSync(t.path('drayer.config.mjs'), `export default ${JSON.stringify(config)}`);

    const flagged = await sh.run('publish', '--allow-secrets');
    const put = await sh.run(
      ...['put', 'site.stream', 'a.txt', t.path('site', 'deploy.txt'), '--allow-secrets'],
    );

    for (const { status, stderr } of [flagged, put]) {
      assert.is(status, 8);
      assert.match(stderr, 'it contains an OpenSSH private key (line 1)');
      assert.not.match(stderr, '--allow-secrets');
    }
    assert.not.match((await sh.run('ls')).stdout, /deploy.txt|a.txt/);
  }),
);

test(
  'publish :: a file that is published already does not stop the others',
  scope(async (t) => {
    const sh = shell(t);
    writePages(t);
    assert.is((await sh.run('publish', 'site', '--allow-secrets')).status, 0);
    writeFileSync(t.path('site', 'conf.js'), `// ours\nconst token = "${TOKEN}";\n`);
    writeFileSync(t.path('site', 'index.html'), '<h1>Hello again</h1>');

    const { status, stdout } = await sh.run('publish', 'site', '--json');

    assert.is(status, 0);
    assert.equal(JSON.parse(stdout).changed, ['index.html']);
  }),
);

onTerminal(
  'publish :: on a terminal it asks; Enter means no, and so does Ctrl-D',
  scope(async (t) => {
    shell(t);
    writePages(t);
    for (const keys of ['\r', '\u0004']) {
      const typing = [{ after: /all the same\?[\s\S]*No/, keys }];

      const { status, output } = await runOnTerminal(t, ['publish', 'site'], typing);

      assert.is(status, 8, output);
      assert.match(output, 'conf.js: it seems to contain a GitHub token (line 2)');
      assert.match(output, 'nothing was published');
    }
  }),
);

onTerminal(
  'publish :: on a terminal yes publishes it',
  scope(async (t) => {
    shell(t);
    writePages(t);
    const typing = [{ after: /all the same\?[\s\S]*No/, keys: 'y' }];

    const { status, output } = await runOnTerminal(t, ['publish', 'site'], typing);

    assert.is(status, 0, output);
    assert.match(output, 'published site: 2 added');
  }),
);

test.run();
