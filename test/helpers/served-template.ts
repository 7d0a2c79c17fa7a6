/** A template, started, published and served as a newcomer would do it. */
import type { Browser } from 'playwright-core';
import type { Test } from 'uvu';
import { hasBrowser, openBrowser } from './chromium.ts';
import { SITE_URL, shell } from './drayer.ts';
import { type Scope, scope } from './scope.ts';

/** Addresses of the site. */
export type ServedTemplate = {
  /** On an origin of its own, with a slash at the end. */
  readonly url: string;
  /** Under a path that is shared with other sites. */
  readonly pathUrl: string;
  /** The folder that was published. */
  readonly folder: string;
};

/** One site and one browser for all tests of a suite; starting them takes longer than most tests. */
export type TemplateSuite = {
  site(): ServedTemplate;
  browser(): Browser;
};

/** Serves a template from before the first test of a suite until after its last. */
export function withTemplate(test: Test, template: string): TemplateSuite {
  let site: ServedTemplate | undefined;
  let browser: Browser | undefined;
  let finish: () => void = () => {};
  let running: Promise<void> = Promise.resolve();
  test.before(async () => {
    if (!hasBrowser) return;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    await new Promise<void>((ready, fail) => {
      running = scope(async (t) => {
        site = await serveTemplate(t, template);
        browser = await openBrowser(t);
        ready();
        await finished;
      })();
      running.catch(fail);
    });
  });
  test.after(async () => {
    finish();
    await running;
  });
  const there = <T>(thing: T | undefined): T => {
    if (thing === undefined) throw new Error('asked for before the suite began');
    return thing;
  };
  return { site: () => there(site), browser: () => there(browser) };
}

/** Makes a site of a template and serves it until the end of the scope. */
async function serveTemplate(t: Scope, template: string): Promise<ServedTemplate> {
  const started = await shell(t).run('init', 'mine', '--template', template);
  if (started.status !== 0) throw new Error(started.stderr);
  const mine = shell(t, { directory: t.path('mine') });
  const published = await mine.run('publish', '--json', '--check-links=error');
  if (published.status !== 0) throw new Error(published.stderr);
  const { id } = JSON.parse(published.stdout) as { id: string };
  const server = mine.start('serve', '--port', '0');
  const [url, , port] = await server.waitFor(SITE_URL);
  const name = Buffer.from(id, 'base64').toString('base64url');
  const pathUrl = `http://127.0.0.1:${port}/${name}/webAccess/`;
  return { url, pathUrl, folder: t.path('mine', 'site') };
}
