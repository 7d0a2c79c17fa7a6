/** The system's Chromium, where there is one. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import type { Scope } from './scope.ts';

const executablePath = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => existsSync(path));

/** Whether there is a browser to test with; says so once where there is none. */
export const hasBrowser: boolean = executablePath !== undefined;
if (!hasBrowser) console.log('  no Chromium here: the browser tests are skipped');

/**
 * Starts a browser; it is closed at the end of the test.
 *
 * @param args - further flags, such as names that lead to this machine
 */
export async function openBrowser(t: Scope, args: readonly string[] = []): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: executablePath ?? '',
    args: ['--no-sandbox', ...args],
  });
  return t.defer(browser, (one) => one.close());
}
