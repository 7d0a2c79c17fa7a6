/** The page of a key as a printer and a camera see it: its code can be read, and it fits on one sheet. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import jsQr from 'jsqr';
import { type Browser, chromium } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseKeyBackup, writeKeyBackup } from '../../src/daemon/key-backup.ts';
import { renderKeyPaper } from '../../src/daemon/key-paper.ts';
import { formatSecretKey, generateKeyPair, publicKeyOf } from '../../src/store/key-file.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/key-paper');
const executablePath = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => existsSync(path));
const run = executablePath === undefined ? test.skip : test;

const { secretKey } = generateKeyPair();

// Run in the page: draws what it shows of the code, as big as a phone's picture of it, to bytes.
const PICTURE = `new Promise((resolve, reject) => {
  const svg = document.querySelector('svg');
  const copy = svg.cloneNode(true);
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', 400);
  copy.setAttribute('height', 400);
  const image = new Image();
  image.onerror = () => reject(new Error('no picture'));
  image.onload = () => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 400;
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    resolve(Array.from(context.getImageData(0, 0, 400, 400).data));
  };
  image.src = 'data:image/svg+xml,' + encodeURIComponent(new XMLSerializer().serializeToString(copy));
})`;

async function openBrowser(t: Scope): Promise<Browser> {
  const options = { executablePath: executablePath ?? '', args: ['--no-sandbox'] };
  return t.defer(await chromium.launch(options), (one) => one.close());
}

function paper(name: string): string {
  return renderKeyPaper({
    secretKey,
    name,
    keyName: `${name}.stream.privatekey`,
    streamName: `${name}.stream`,
    servers: ['https://example.org/drayer/', 'http://192.168.1.20:33125/'],
    date: new Date('2031-02-03T04:05:06Z'),
  });
}

run(
  'the code on the page :: says the key file, which gives the same key again',
  scope(async (t) => {
    // Pictures of a code are made outside of the page's own rules, which let it load nothing.
    const html = paper('garden').replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, '');
    writeFileSync(t.path('page.html'), html);
    const page = await (await openBrowser(t)).newPage();
    await page.goto(pathToFileURL(t.path('page.html')).href);

    const pixels = Uint8ClampedArray.from((await page.evaluate(PICTURE)) as number[]);
    const text = readCode(pixels);

    assert.is(text, formatSecretKey(secretKey));
    assert.equal(parseKeyBackup(text ?? ''), secretKey);
    // The rig can fail: a code that is covered is not read.
    assert.is(readCode(pixels.fill(255, 0, pixels.length / 2)), undefined);
  }),
);

function readCode(pixels: Uint8ClampedArray): string | undefined {
  // The module's type says default, and so it is in CommonJS.
  const decode = jsQr as unknown as { default?: typeof jsQr } & typeof jsQr;
  return (decode.default ?? decode)(pixels, 400, 400)?.data;
}

run(
  'the page :: is one sheet, runs nothing, loads nothing, and breaks at no name',
  scope(async (t) => {
    const browser = await openBrowser(t);
    for (const name of ['garden', `<b>"'&amp;${'long'.repeat(12)}`]) {
      const page = await browser.newPage({ viewport: { width: 360, height: 800 } });
      const requests: string[] = [];
      page.on('request', (request) => requests.push(request.url()));
      writeFileSync(t.path('page.html'), paper(name));
      const url = pathToFileURL(t.path('page.html')).href;
      await page.goto(url);

      assert.equal(requests, [url]);
      assert.is(await page.textContent('h1'), `Secret key of ${name}`);
      const overflow = 'document.documentElement.scrollWidth - innerWidth';
      assert.ok(Number(await page.evaluate(overflow)) <= 0, 'no scrolling aside on a phone');
      const pdf = (await page.pdf({ format: 'A4' })).toString('latin1');
      assert.is(pdf.match(/\/Type\s*\/Page\b/g)?.length, 1, 'one sheet of A4');
      const letter = (await page.pdf({ format: 'Letter' })).toString('latin1');
      assert.is(letter.match(/\/Type\s*\/Page\b/g)?.length, 1, 'one sheet of Letter');
      await page.close();
    }
  }),
);

test(
  'writeKeyBackup :: names the stream and the servers it says itself',
  scope((t) => {
    mkdirSync(t.path('at'));
    const stream = createStream(t.path('at', 'garden.stream'), { secretKey });
    stream.setPrimaryServers([{ type: 'http', url: 'https://example.org/x/?<' }]);
    stream.close();

    const source = { secretKey, keyPath: t.path('at', 'garden.stream.privatekey') };
    writeKeyBackup(t.path('page.html'), source, new Date());

    const html = readFileSync(t.path('page.html'), 'utf8');
    assert.match(html, '<h1>Secret key of garden</h1>');
    assert.match(html, 'drayer recover garden.stream --from https://example.org/x/?&lt;');
    assert.match(html, Buffer.from(publicKeyOf(secretKey)).toString('base64'));
  }),
);

test.run();
