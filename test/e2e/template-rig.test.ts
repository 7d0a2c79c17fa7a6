/** The rig that looks at the templates, held against pages with one known fault each. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkSite } from '../helpers/check-site.ts';
import { hasBrowser, openBrowser } from '../helpers/chromium.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/template-rig');
const run = hasBrowser ? test : test.skip;

function page(body: string, head = ''): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
    <meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">${head}</head>
    <body><main><h1>A page</h1><p><a href="index.html">Home</a></p>${body}</main></body></html>`;
}

const SOUND = page('<p>Nothing is wrong here.</p>');
const LOST = SOUND.replace('<a href="index.html">Home</a>', 'Nothing is here.');

/** Serves files, and a sound page for wrong addresses. */
async function serve(t: Scope, files: Record<string, string>): Promise<string> {
  const server = createServer((request, response) => {
    const file = files[(request.url ?? '/').slice(1)];
    const isScript = request.url?.endsWith('.js') === true;
    response.writeHead(file === undefined ? 404 : 200, {
      'content-type': isScript ? 'text/javascript' : 'text/html; charset=utf-8',
    });
    response.end(file ?? LOST);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.defer(server, (one) => {
    one.closeAllConnections();
    one.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

run(
  'checkSite :: finds nothing on sound pages, and on each faulty one its fault alone',
  scope(async (t) => {
    const faulty: readonly (readonly [fault: RegExp, body: string])[] = [
      [/axe: critical image-alt/, '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'],
      [/axe: serious color-contrast/, '<p style="color:#bbb;background:#fff">pale</p>'],
      [/axe: critical button-name/, '<button></button>'],
      [/px too wide/, '<div style="width:500px">wide</div>'],
      [/console: .*on purpose/, '<script>console.error("on purpose")</script>'],
      [/script failed: .*broken/, '<script>throw new Error("broken")</script>'],
      [
        /http:\/\/127\.0\.0\.1:1\/|console: Failed/,
        '<iframe title="x" src="http://127.0.0.1:1/"></iframe>',
      ],
      [/gone\.css|console: Failed/, '<link rel="stylesheet" href="gone.css">'],
      [/404 for the link .*nowhere/, '<a href="nowhere.txt">There</a>'],
      [/leads to no place .*#gone/, '<a href="#gone">There</a>'],
      [/leads out of the site/, '<a href="http://127.0.0.1:1/">Out</a>'],
      [/weighs 1\d{5} bytes/, `<!-- ${'x'.repeat(100_000)} -->`],
      [/loads .*large\/a\.js unasked/, '<script src="large/a.js"></script>'],
      [
        /no link to .*b\.html/,
        '<script>document.querySelector("p").innerHTML += "<a href=b.html>b</a>"</script>',
      ],
    ];
    const names = faulty.map((_, index) => `p${index}.html`);
    const links = ['b.html', ...names].map((name) => `<a href="${name}">${name}</a>`).join(' ');
    const base = await serve(t, {
      'index.html': page(`<p>${links}</p>`),
      'b.html': SOUND,
      'large/a.js': '',
      ...Object.fromEntries(faulty.map(([, body], index) => [`p${index}.html`, page(body)])),
    });

    const { pages, faults } = await checkSite(await openBrowser(t), base, {
      onDemand: /\/large\//,
    });

    assert.equal(pages, ['b.html', 'index.html', 'no/such/page', ...names].sort());
    for (const [index, [fault]] of faulty.entries()) {
      const found = faults.filter((one) => one.startsWith(`p${index}.html: `));
      assert.ok(found.length > 0, `${fault} was not found`);
      assert.ok(
        found.every((one) => fault.test(one)),
        `${fault}: ${found.join('\n')}`,
      );
    }
    assert.equal(
      faults.filter((one) => !/^p\d+\.html: /.test(one)),
      [],
    );
  }),
);

run(
  'checkSite :: a fault of a page that is only linked to is found, in the dark as well',
  scope(async (t) => {
    const night = '<style>@media (prefers-color-scheme: dark) { p { color: #ddd } }</style>';
    const files = {
      'index.html': page('<a href="about.html">About</a>'),
      'about.html': page('<p>Pale at night.</p>', night),
    };

    const { faults } = await checkSite(await openBrowser(t), await serve(t, files));

    assert.is(faults.length, 1, faults.join('\n'));
    assert.match(`${faults[0]}`, /^about\.html: axe: serious color-contrast .*\(desktop, dark\)$/);
  }),
);

test.run();
