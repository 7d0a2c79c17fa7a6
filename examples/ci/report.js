/**
 * What the action tells GitHub after a publish: outputs, a summary, and an annotation for each fault, at
 * its file where one is known. Called with the file that `drayer publish --json` printed into, and its
 * exit status.
 */
import { randomUUID } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [file = '', status = '1'] = process.argv.slice(2);
const { INPUT_DIRECTORY: directory = '.', GITHUB_OUTPUT, GITHUB_STEP_SUMMARY } = process.env;

const text = readFileSync(file, 'utf8').trim();
// A line for each site; the last one is what the run came to.
const result = text === '' ? {} : JSON.parse(text.slice(text.lastIndexOf('\n') + 1));
const { error, mirrors } = result;

if (error === undefined) {
  setOutput('seq', result.seq ?? '');
  setOutput('url', addressOf(result));
  setOutput('changed', String(result.wrote === true));
}
setOutput('json', text);
for (const line of error === undefined ? published() : failed()) summarize(line);
annotate();

function published() {
  const { added = [], changed = [], removed = [], unchanged = 0, seq } = result;
  const url = addressOf(result);
  const counts = [
    `${added.length} added`,
    `${changed.length} changed`,
    `${removed.length} removed`,
    `${unchanged} unchanged`,
  ];
  const servers = mirrors === undefined ? [] : ['', ...mirrors.servers.map(lineOfServer)];
  return [
    `### ${result.wrote ? 'Published' : 'Nothing to publish'}: generation ${seq}`,
    '',
    `${counts.join(', ')}${url === '' ? '' : `; see ${url}`}`,
    ...servers,
  ];
}

function lineOfServer({ url, serving, problem }) {
  return `- ${serving ? 'serves it' : 'does not serve it'}: \`${url}\`${problem ? ` (${plain(problem)})` : ''}`;
}

function failed() {
  const { message, hint } = error;
  return [
    `### Not published (status ${status})`,
    '',
    plain(message),
    ...(hint ? ['', plain(hint)] : []),
  ];
}

/** `::error` lines: one for each file or link that is wrong, or one for all. */
function annotate() {
  if (error === undefined) {
    const late = mirrors?.met === false ? mirrors.servers.filter(({ serving }) => !serving) : [];
    for (const { url, problem } of late) command('error', {}, `${url}: ${problem}`);
    if (mirrors?.met === false && late.length === 0)
      command('error', {}, 'too few servers are known');
    return;
  }
  const { faults = [], links, message, hint } = error;
  for (const { path, message: why } of faults) {
    command('error', { file: join(directory, path) }, why);
  }
  for (const { page, line, link, why } of links?.broken ?? []) {
    command('error', { file: join(directory, page), line }, `broken link ${link}: ${why}`);
  }
  if (faults.length === 0 && links === undefined) {
    command('error', {}, hint ? `${message}\n${hint}` : message);
  }
}

/** A workflow command; its characters are escaped as the runner expects, so that no text can be one. */
function command(name, properties, message) {
  const escaped = (value) =>
    String(value).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  const escapedProperty = (value) => escaped(value).replaceAll(':', '%3A').replaceAll(',', '%2C');
  const said = Object.entries({ ...properties, title: 'drayer' })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${escapedProperty(value)}`);
  console.log(`::${name} ${said.join(',')}::${escaped(message)}`);
}

function setOutput(name, value) {
  // A delimiter that the value cannot contain, whoever wrote it.
  const end = randomUUID();
  if (GITHUB_OUTPUT) appendFileSync(GITHUB_OUTPUT, `${name}<<${end}\n${value}\n${end}\n`);
}

function summarize(line) {
  if (GITHUB_STEP_SUMMARY) appendFileSync(GITHUB_STEP_SUMMARY, `${line}\n`);
}

/** Text without what Markdown and HTML would make of it. */
function plain(said) {
  return said.replace(/[\\`*_{}[\]<>#|]/g, (c) => `&#${c.charCodeAt(0)};`).replaceAll('\n', '<br>');
}

/** Where the site can be seen: on the server it was published to, or on one that was waited for. */
function addressOf({ id, to }) {
  const base = to ?? mirrors?.servers.find(({ serving }) => serving)?.url;
  if (base === undefined || id === undefined) return '';
  const key = Buffer.from(id, 'base64').toString('base64url');
  return `${base.replace(/\/+$/, '')}/${key}/webAccess/`;
}
