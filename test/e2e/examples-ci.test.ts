/** examples/ci for GitLab and for any other CI, run as they stand against a server that takes pushes. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CI_EXAMPLES, COMMIT, ciProject } from '../helpers/ci-project.ts';
import { runGitlab, type Variables } from '../helpers/ci-runner.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/examples-ci');

test(
  '.gitlab-ci.yml :: only the job of the environment has the key; the number comes as a variable',
  scope(async (t) => {
    const { runner, server, key, write } = await ciProject(t);
    const gitlab = {
      GITLAB_CI: 'true',
      CI_COMMIT_SHA: COMMIT,
      CI_PROJECT_URL: 'https://gitlab.example/ann/garden',
      DRAYER_SERVER: server,
      DRAYER_MIRROR: server,
    };
    const { GITHUB_ACTIONS: _, ...rest } = runner.environment;
    const environment = { ...rest, ...gitlab };
    write('index.html', '<h1>From GitLab</h1>');

    const file = join(CI_EXAMPLES, '.gitlab-ci.yml');
    const scoped = { site: { DRAYER_KEY: key } };
    const run = await runGitlab(t, file, { runner: { ...runner, environment }, scoped });
    const none = await runGitlab(t, file, { runner: { ...runner, environment }, scoped: {} });

    assert.is(run.status, 0, run.log);
    assert.equal(run.outputs, { DRAYER_SEQ: '2' });
    assert.match(run.log, 'build without a key');
    assert.not(run.log.includes(key));
    assert.is(none.status, 4, none.log);
  }),
);

test(
  'deploy.sh :: publishes with what is in the environment, and ends with the status of drayer',
  scope(async (t) => {
    const { runner, server, key, write } = await ciProject(t);
    write('dist/index.html', '<h1>From cron</h1>', '.');
    const run = (more: Variables) => {
      const { GITHUB_ACTIONS: _, ...environment } = { ...runner.environment, ...more };
      return runShell(runner.directory, environment);
    };

    const done = await run({ DRAYER_KEY: key, DRAYER_SERVER: server, DRAYER_MIRRORS: server });
    const gone = await run({ DRAYER_KEY: key, DRAYER_SERVER: 'http://127.0.0.1:1' });
    const lost = await run({ DRAYER_KEY: key });

    assert.is(done.status, 0, done.stderr);
    assert.match(done.stdout, 'published dist: 1 changed');
    assert.match(done.stdout, `served by ${server}`);
    assert.is(gone.status, 7, gone.stderr);
    assert.match(gone.stderr, 'the server cannot be reached; run this again later');
    assert.not.equal(lost.status, 0);
    assert.match(lost.stderr, 'DRAYER_SERVER');
  }),
);

function runShell(cwd: string, env: Variables) {
  return spawnSync('sh', [join(CI_EXAMPLES, 'deploy.sh')], { cwd, env, encoding: 'utf8' });
}

test.run();
