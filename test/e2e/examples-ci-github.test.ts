/** examples/ci for GitHub: every step as it stands, against a server that takes pushes. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CI_EXAMPLES, COMMIT, ciProject } from '../helpers/ci-project.ts';
import { runAction, runWorkflow } from '../helpers/ci-runner.ts';
import { shell } from '../helpers/drayer.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/examples-ci-github');

test(
  'deploy.yml :: builds, publishes, waits, and tells number and address of the generation',
  scope(async (t) => {
    const { runner, server, key, write } = await ciProject(t);
    const vars = { DRAYER_SERVER: server, DRAYER_MIRRORS: server };
    const contexts = { secrets: { DRAYER_KEY: key }, vars };
    write('index.html', '<h1>Second</h1>');

    const run = await runWorkflow(t, join(CI_EXAMPLES, 'deploy.yml'), { contexts, runner });
    const again = await runWorkflow(t, join(CI_EXAMPLES, 'deploy.yml'), { contexts, runner });

    assert.is(run.status, 0, run.log);
    assert.match(run.log, 'generation 2, changed true');
    assert.is(run.url, run.outputs['url']);
    assert.is(await (await fetch(run.url)).text(), '<h1>Second</h1>');
    assert.is(JSON.parse(run.outputs['json'] ?? '').seq, 2);
    assert.match(run.summary, '### Published: generation 2');
    assert.match(run.summary, `serves it: \`${server}\``);
    assert.equal(run.masks, [key]);
    assert.not(run.log.includes(key));
    assert.match(again.log, 'generation 2, changed false');
    assert.match(again.summary, '### Nothing to publish: generation 2');
    const copy = await shell(t).run('mirror', server, '--stream', 'copy.stream');
    assert.is(copy.status, 0, copy.stderr);
    const info = await shell(t).run('info', 'copy.stream');
    assert.match(info.stdout, `made from   ${COMMIT} of https://github.example/ann/garden, deploy`);
  }),
);

test(
  'action.yml :: what is wrong with a file is said at that file, and the status is that of drayer',
  scope(async (t) => {
    const { runner, server, key, write } = await ciProject(t);
    const inputs = { directory: 'dist', key, to: server };
    mkdirSync(join(runner.directory, 'dist'));
    write('dist/config.js', `const token = '${['ghp', 'x7Kq'.repeat(9)].join('_')}';`, '.');

    const secret = await runAction(t, CI_EXAMPLES, { inputs, runner });
    rmSync(join(runner.directory, 'dist/config.js'));
    write('dist/index.html', '<p>\n<a href="gone%,.html">gone</a>', '.');
    const strict = { ...inputs, 'check-links': 'error' };
    const links = await runAction(t, CI_EXAMPLES, { inputs: strict, runner });

    assert.is(secret.status, 8, secret.log);
    assert.match(secret.errors[0] ?? '', /^::error file=dist\/config\.js,title=drayer::/);
    assert.match(secret.summary, '### Not published (status 8)');
    assert.is(secret.outputs['seq'], '');
    assert.is(links.status, 9, links.log);
    assert.match(
      links.errors[0] ?? '',
      '::error file=dist/index.html,line=2,title=drayer::broken link gone%25,.html',
    );
    assert.is(JSON.parse(links.outputs['json'] ?? '').error.code, 'LINKS_BROKEN');
  }),
);

test(
  'action.yml :: a mirror that does not come is an error with status 3, though it is published',
  scope(async (t) => {
    const { runner, server, key } = await ciProject(t);
    mkdirSync(join(runner.directory, 'dist'));
    writeFileSync(join(runner.directory, 'dist/index.html'), 'new');
    const late = 'http://127.0.0.1:1';
    const wait = { 'wait-mirrors': '2', timeout: '1', mirrors: `${server} ${late}` };

    const inputs = { directory: 'dist', key, to: server, ...wait };
    const run = await runAction(t, CI_EXAMPLES, { inputs, runner });

    assert.is(run.status, 3, run.log);
    assert.is(run.outputs['changed'], 'true');
    assert.is(run.errors.length, 1);
    assert.match(run.errors[0] ?? '', `::error title=drayer::${late}`);
    assert.match(run.summary, `does not serve it: \`${late}\``);
  }),
);

test(
  'action.yml :: no input is run, and a key that is not allowed is refused in a sentence',
  scope(async (t) => {
    const { runner, server, sh } = await ciProject(t);
    await sh.run('key', 'new', 'other.key');
    const key = readFileSync(join(sh.directory, 'other.key'), 'utf8');
    mkdirSync(join(runner.directory, 'dist'));
    writeFileSync(join(runner.directory, 'dist/index.html'), 'x');

    const other = { directory: 'dist', key, to: server, 'unused-key': 'true' };
    const refused = await runAction(t, CI_EXAMPLES, { inputs: other, runner });
    const strange = { directory: '$(touch pwned)`touch pwned`"; touch pwned', key, to: server };
    const missing = await runAction(t, CI_EXAMPLES, { inputs: strange, runner });

    assert.is(refused.status, 1, refused.log);
    assert.match(refused.errors[0] ?? '', /^::error title=drayer::.*allow/);
    assert.is(missing.status, 2, missing.log);
    assert.not(existsSync(join(runner.directory, 'pwned')));
    assert.not(`${refused.log}${missing.log}`.includes(key));
  }),
);

test.run();
