/**
 * Runs every test file in a process of its own, two at once: what one leaks, holds open or allocates
 * cannot touch another, a file that hangs is ended and named, and one that ends without having
 * counted its tests has failed.
 *
 *   node test/run.js [PART_OF_A_PATH …]
 *
 * DRAYER_TEST_SCALE multiplies the rounds of the randomized and the crash tests, and the time limit.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const scale = Number(process.env['DRAYER_TEST_SCALE'] ?? 1);
const limitMs = 120_000 * Math.max(1, scale);
const wanted = process.argv.slice(2);

const files = readdirSync(here, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
  .map((entry) => relative(here, join(entry.parentPath, entry.name)))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();

const sum = { total: 0, passed: 0, skipped: 0 };
const broken = [];
const started = performance.now();
const queue = [...files];
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));

console.log(`\n${files.length} files in ${((performance.now() - started) / 1000).toFixed(0)} s`);
for (const line of broken) console.log(line);
const failed = sum.total - sum.passed + broken.length;
console.log(`${sum.passed} passed, ${failed} failed, ${sum.skipped} skipped`);
process.exitCode = failed === 0 && sum.total > 0 ? 0 : 1;

async function work() {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) report(await run(file));
}

/** Runs one file; resolves with what it printed and how it ended. */
function run(file) {
  const start = performance.now();
  const args = ['--conditions=source', '--import', 'tsx', join(here, file)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk) => {
    output += chunk;
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, limitMs);
  return new Promise((resolve) => {
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ file, status, isLate, output, ms: performance.now() - start });
    });
  });
}

function report({ file, status, isLate, output, ms }) {
  const total = count(output, 'Total');
  const passed = count(output, 'Passed');
  sum.total += total;
  sum.passed += passed;
  const skipped = count(output, 'Skipped');
  sum.skipped += skipped;
  // A file may skip everything, as those that want a browser do where there is none.
  const isGood = status === 0 && total + skipped > 0 && passed === total;
  const mark = isGood ? 'ok  ' : 'FAIL';
  console.log(`${mark} ${file} ${passed}/${total} ${(ms / 1000).toFixed(1)} s`);
  if (isGood) return;
  console.log(output);
  if (isLate) broken.push(`${file}: still running after ${limitMs / 1000} s, ended`);
  else if (total + skipped === 0)
    broken.push(`${file}: ended with ${status} before its tests were counted`);
  else if (passed === total) broken.push(`${file}: all tests passed, then it ended with ${status}`);
}

function count(output, word) {
  return Number(new RegExp(`${word}: +(\\d+)`).exec(output)?.[1] ?? 0);
}
