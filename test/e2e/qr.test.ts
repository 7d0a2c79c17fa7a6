/** `drayer qr`, and links on the command line: what is printed on one machine is taken on another. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import jsQr from 'jsqr';
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseStreamLink } from '../../src/files/stream-link.ts';
import { hasBrowser, openBrowser } from '../helpers/chromium.ts';
import { shell } from '../helpers/drayer.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/qr');
const browser = hasBrowser ? test : test.skip;

browser(
  'qr --svg :: a scanner reads from the picture, on any background, what was printed beside it',
  scope(async (t) => {
    const { run } = shell(t);
    mkdirSync(t.path('site'));
    writeFileSync(t.path('site', 'index.html'), '<title>x</title>');
    assert.is((await run('publish', 'site')).status, 0);
    await run('servers', 'site', 'add', 'https://example.org/sites/');

    const address = await run('qr', 'site', '--svg', 'a.svg');
    const link = await run('qr', 'site', '--svg', 'b.svg', '--link', '--json');
    const again = await run('qr', 'site', '--svg', 'site/index.html');
    const shown = await run('qr', 'site');

    assert.is(address.status, 0, address.stderr);
    assert.match(address.stdout, /^https:\/\/example\.org\/sites\/[\w-]{43}\/webAccess\/\n$/);
    const { text } = JSON.parse(link.stdout) as { text: string };
    assert.equal(parseStreamLink(text).from, ['https://example.org/sites/']);
    assert.is(again.status, 2, again.stderr);
    assert.ok(shown.stdout.includes('█') && shown.stdout.endsWith(address.stdout));
    const page = await (await openBrowser(t)).newPage();
    assert.is(await scan(page, t.path('a.svg')), address.stdout.trim());
    assert.is(await scan(page, t.path('b.svg')), text);
  }),
);

test(
  'mirror LINK, cat LINK :: from what info prints elsewhere; a link that misleads is refused with status 2',
  scope(async (t) => {
    const [here, there] = [shell(t), shell(t, { directory: t.path('there'), home: 'away' })];
    mkdirSync(t.path('site'));
    writeFileSync(t.path('site', 'index.html'), '<title>x</title>');
    assert.is((await here.run('publish', 'site')).status, 0);
    const server = here.start('serve', 'site', '--port', '0');
    const [, at = ''] = await server.waitFor(/(http:\/\/127\.0\.0\.1:\d+\/)[\w-]{43}\//);
    const { link } = JSON.parse((await here.run('info', 'site', '--json')).stdout) as Linked;

    const from = `from=${NOBODY}&from=${at}`;
    const file = await there.run('cat', `${link.replace('?', 'index.html?')}&${from}`);
    const bare = await there.run('cat', link);
    const mirrored = await there.run('mirror', `${link}&${from}`);
    const wrong = await there.run('mirror', `${link}&from=http://me:secret@127.0.0.1/`);

    assert.is(file.stdout, '<title>x</title>', file.stderr);
    assert.is(bare.status, 1, bare.stderr);
    assert.is(mirrored.status, 0, mirrored.stderr);
    assert.match(mirrored.stderr, 'the link calls it site');
    assert.is(wrong.status, 2);
    assert.match(wrong.stderr, 'not a drayer link: from[0]: expected no user name and password');
    assert.not.match(wrong.stderr, 'secret');
  }),
);

const NOBODY = 'http://127.0.0.1:1/';
type Linked = { readonly link: string };

/** What a camera sees of a picture that is shown in a browser. */
async function scan(page: Page, path: string): Promise<string | undefined> {
  const url = `data:image/svg+xml;base64,${readFileSync(path).toString('base64')}`;
  const { data, size } = await page.evaluate<Pixels>(`(${DRAW})(${JSON.stringify(url)})`);
  const decode = jsQr as unknown as { default?: typeof jsQr } & typeof jsQr;
  return (decode.default ?? decode)(Uint8ClampedArray.from(data), size, size)?.data;
}

type Pixels = { readonly data: number[]; readonly size: number };

/** Runs in the browser. */
const DRAW = `async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const size = 500;
  const canvas = new OffscreenCanvas(size, size).getContext('2d');
  canvas.fillRect(0, 0, size, size);
  canvas.drawImage(image, 0, 0, size, size);
  return { data: [...canvas.getImageData(0, 0, size, size).data], size };
}`;

test.run();
