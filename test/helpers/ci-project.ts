/** What a test of examples/ci runs on: a project, and a server that takes pushes of its key. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import type { Runner } from './ci-runner.ts';
import { type Shell, shell } from './drayer.ts';
import type { Scope } from './scope.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Folder of the examples. */
export const CI_EXAMPLES: string = join(root, 'examples', 'ci');
/** The commit that the stand-in runner has checked out. */
export const COMMIT = '0123456789abcdef0123456789abcdef01234567';

/** A project in CI. */
export type CiProject = {
  /** Where its owner began the stream. */
  readonly sh: Shell;
  /** Address of the server. */
  readonly server: string;
  /** The secret. */
  readonly key: string;
  readonly runner: Runner;
  /** Writes a file of the checked out project, below `base`. */
  write(name: string, text: string, base?: string): void;
};

/** A server that takes pushes of a key, a stream of one page on it, and a checked out project. */
export async function ciProject(t: Scope): Promise<CiProject> {
  const sh = shell(t, { directory: t.path('owner'), home: 'owner-home' });
  const operator = shell(t, { directory: t.path('server'), home: 'server-home' });
  const made = await sh.run('key', 'ci', '--new', 'ci.key', '--json');
  assert.is(made.status, 0, made.stderr);
  const { id } = JSON.parse(made.stdout);
  assert.is((await operator.run('allow', id)).status, 0);
  const serving = operator.start('serve', '--port', '0');
  const [, port] = await serving.waitFor(/http:\/\/[^\s/]+:(\d+)\//);
  const server = `http://127.0.0.1:${port}`;
  mkdirSync(join(sh.directory, 'dist'));
  writeFileSync(join(sh.directory, 'dist', 'index.html'), '<h1>First</h1>');
  const flags = ['--to', server, '--unused-key', '--key-file', 'ci.key'];
  const first = await sh.run('publish', 'dist', ...flags);
  assert.is(first.status, 0, first.stderr);

  const directory = t.path('project');
  const write = (name: string, text: string, base = 'pages'): void => {
    const path = join(directory, base, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  program(join(directory, 'node_modules/.bin/drayer'), `exec node ${root}dist/cli/bin.cjs "$@"`);
  program(t.path('bin/npm'), BUILD);
  const runner: Runner = {
    directory,
    environment: {
      PATH: `${t.path('bin')}:${process.env['PATH']}`,
      HOME: t.path('runner-home'),
      CI: 'true',
      RUNNER_TEMP: t.directory,
      GITHUB_ACTIONS: 'true',
      GITHUB_SHA: COMMIT,
      GITHUB_WORKFLOW: 'deploy',
      GITHUB_SERVER_URL: 'https://github.example',
      GITHUB_REPOSITORY: 'ann/garden',
      GITHUB_RUN_ID: '7',
    },
  };
  const key = readFileSync(join(sh.directory, 'ci.key'), 'utf8');
  return { sh, server, key, runner, write };
}

/** Stands for `npm ci` and `npm run build`: only what the examples call. */
const BUILD = `case "$*" in
  ci) ;;
  "run build") [ -n "\${DRAYER_KEY:-}" ] || echo build without a key; mkdir -p dist; cp -r pages/. dist/ ;;
  *) echo "npm $*?" >&2; exit 64 ;;
esac`;

function program(path: string, script: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}
