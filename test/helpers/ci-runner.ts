/**
 * A stand-in for the runners of GitHub and GitLab: reads their files, and runs each step as it stands in
 * a real bash, with the variables and files a runner gives.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import type { Scope } from './scope.ts';

/** Variables of a step. */
export type Variables = Readonly<Record<string, string>>;

/** How steps ended. */
export type CiRun = {
  readonly status: number;
  /** Both outputs, without the lines that the runner takes for itself. */
  readonly log: string;
  /** What `::add-mask::` lines named. */
  readonly masks: readonly string[];
  /** `::error` lines. */
  readonly errors: readonly string[];
  readonly summary: string;
  /** Of the action, by name; of a workflow, those of its step `publish`. */
  readonly outputs: Variables;
};

/** What a runner is given. */
export type Runner = {
  /** The checked out project. */
  readonly directory: string;
  /** The same for each step. */
  readonly environment: Variables;
};

type Step = {
  readonly id?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly shell?: string;
  readonly env?: Record<string, unknown>;
  readonly with?: Record<string, unknown>;
};

type Contexts = Readonly<Record<string, unknown>>;

/** Runs an action of our own: the folder with its action.yml. */
export async function runAction(
  t: Scope,
  folder: string,
  { inputs, runner }: { readonly inputs: Variables; readonly runner: Runner },
): Promise<CiRun> {
  const action = parse(readFileSync(join(folder, 'action.yml'), 'utf8'));
  const given: Record<string, string> = {};
  for (const [name, { default: fallback, required }] of Object.entries<Input>(action.inputs)) {
    if (required && inputs[name] === undefined) throw new Error(`input ${name} is required`);
    given[name] = inputs[name] ?? fallback ?? '';
  }
  for (const name of Object.keys(inputs)) {
    if (given[name] === undefined) throw new Error(`there is no input ${name}`);
  }
  const environment = { ...runner.environment, GITHUB_ACTION_PATH: folder };
  const ran = await runSteps(t, action.runs.steps, {
    contexts: { inputs: given },
    runner: { ...runner, environment },
  });
  const outputs = Object.fromEntries(
    Object.entries<{ value: string }>(action.outputs).map(([name, { value }]) => [
      name,
      evaluate(value, ran.contexts),
    ]),
  );
  return { ...ran.run, outputs };
}

type Input = { readonly default?: string; readonly required?: boolean };

/** Runs the job of a workflow; actions of others are passed over, ours is `action`. */
export async function runWorkflow(
  t: Scope,
  file: string,
  given: { readonly contexts: Contexts; readonly runner: Runner },
): Promise<CiRun & { readonly url: string }> {
  const workflow = parse(readFileSync(file, 'utf8'));
  const { steps, environment } = workflow.jobs.deploy;
  const { run, contexts } = await runSteps(t, steps, { ...given, action: dirname(file) });
  return { ...run, url: evaluate(environment.url, contexts) };
}

/** Runs the jobs of a .gitlab-ci.yml in the order of their stages; each in the folder as it is left. */
export async function runGitlab(
  t: Scope,
  file: string,
  given: { readonly runner: Runner; readonly scoped: Readonly<Record<string, Variables>> },
): Promise<CiRun> {
  const { stages, ...jobs } = parse(readFileSync(file, 'utf8')) as GitlabFile;
  const outputs: Record<string, string> = {};
  let log = '';
  for (const stage of stages) {
    for (const job of Object.values(jobs).filter((one) => one.stage === stage)) {
      const scoped = given.scoped[job.environment?.name ?? ''] ?? {};
      const environment = { ...given.runner.environment, ...scoped };
      const script = `set -eo pipefail\n${job.script.join('\n')}\n`;
      const ran = await runScript(t, script, { ...given.runner, environment }, ['bash']);
      log += ran.log;
      if (ran.status !== 0) return { ...nothing, log, status: ran.status, outputs };
      const dotenv = job.artifacts?.reports?.dotenv;
      if (dotenv === undefined) continue;
      const text = readFileSync(join(given.runner.directory, dotenv), 'utf8');
      for (const line of text.trim().split('\n')) {
        const [name = '', value = ''] = line.split('=', 2);
        outputs[name] = value;
      }
    }
  }
  return { ...nothing, log, status: 0, outputs };
}

type GitlabFile = { readonly stages: string[] } & Record<string, GitlabJob>;
type GitlabJob = {
  readonly stage: string;
  readonly script: string[];
  readonly environment?: { readonly name: string };
  readonly artifacts?: { readonly reports?: { readonly dotenv?: string } };
};

const nothing: Omit<CiRun, 'status' | 'log'> = { masks: [], errors: [], summary: '', outputs: {} };

async function runSteps(
  t: Scope,
  steps: readonly Step[],
  given: { readonly contexts: Contexts; readonly runner: Runner; readonly action?: string },
): Promise<{ readonly run: CiRun; readonly contexts: Contexts }> {
  const { runner, action } = given;
  const done: Record<string, { outputs: Variables }> = {};
  const contexts = { ...given.contexts, steps: done };
  const all = { log: '', masks: [] as string[], errors: [] as string[], summary: '' };
  for (const step of steps) {
    if (step.uses !== undefined && !step.uses.startsWith('./')) continue;
    const ran =
      step.uses === undefined
        ? await runStep(t, step, { contexts, runner })
        : await runAction(t, action ?? '', { inputs: filled(step.with, contexts), runner });
    all.log += ran.log;
    all.masks.push(...ran.masks);
    all.errors.push(...ran.errors);
    all.summary += ran.summary;
    if (step.id !== undefined) done[step.id] = { outputs: ran.outputs };
    if (ran.status !== 0) return { run: { ...all, ...ran, ...all }, contexts };
  }
  return { run: { ...all, status: 0, outputs: done['publish']?.outputs ?? {} }, contexts };
}

let stepNumber = 0;

async function runStep(
  t: Scope,
  { run = '', shell, env }: Step,
  { contexts, runner }: { readonly contexts: Contexts; readonly runner: Runner },
): Promise<CiRun> {
  stepNumber += 1;
  const folder = t.path(`step-${stepNumber}`);
  mkdirSync(folder);
  const files = {
    GITHUB_OUTPUT: join(folder, 'out'),
    GITHUB_STEP_SUMMARY: join(folder, 'summary'),
  };
  const environment = { ...runner.environment, ...filled(env, contexts), ...files };
  // As GitHub documents both: without `shell`, and with `shell: bash`.
  const bash =
    shell === 'bash' ? ['bash', '--noprofile', '--norc', '-eo', 'pipefail'] : ['bash', '-e'];
  const ran = await runScript(t, run, { ...runner, environment }, bash);
  const lines = ran.log.split('\n');
  const masks = lines.flatMap((line) => /^::add-mask::(.*)$/.exec(line)?.[1] ?? []);
  return {
    status: ran.status,
    log: lines.filter((line) => !line.startsWith('::')).join('\n'),
    masks,
    errors: lines.filter((line) => line.startsWith('::error')),
    summary: textOf(files.GITHUB_STEP_SUMMARY),
    outputs: outputsIn(textOf(files.GITHUB_OUTPUT)),
  };
}

function runScript(
  t: Scope,
  script: string,
  { directory, environment }: Runner,
  [command = 'bash', ...args]: readonly string[],
): Promise<{ readonly status: number; readonly log: string }> {
  stepNumber += 1;
  const file = t.path(`script-${stepNumber}.sh`);
  writeFileSync(file, script);
  const child = spawn(command, [...args, file], {
    cwd: directory,
    env: { ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      log += chunk;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ status: code ?? 1, log }));
  });
}

function filled(values: Record<string, unknown> | undefined, contexts: Contexts): Variables {
  const entries = Object.entries(values ?? {});
  return Object.fromEntries(
    entries.map(([name, text]) => [name, evaluate(String(text), contexts)]),
  );
}

/** Replaces `${{ a.b.c }}`; what is not there is empty, as on GitHub. */
function evaluate(text: string, contexts: Contexts): string {
  return text.replace(/\$\{\{\s*([\w.-]+)\s*\}\}/g, (_, path: string) => {
    let value: unknown = contexts;
    for (const name of path.split('.')) value = (value as Contexts | undefined)?.[name];
    return value === undefined ? '' : String(value);
  });
}

/** `name=value`, and `name<<END` … `END`. */
function outputsIn(text: string): Variables {
  const outputs: Record<string, string> = {};
  const lines = text.split('\n');
  while (lines.length > 0) {
    const line = lines.shift() ?? '';
    const [, name = '', end = ''] = /^([\w-]+)<<(.+)$/.exec(line) ?? [];
    if (name === '') continue;
    const value = lines.splice(0, lines.indexOf(end));
    outputs[name] = value.join('\n');
  }
  return outputs;
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
