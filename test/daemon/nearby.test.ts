import jsQr from 'jsqr';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lanAddressOf, renderCode } from '../../src/daemon/lan-code.ts';
import { heardStream, titleOf, withTitles } from '../../src/daemon/nearby.ts';
import type { NearbyStream } from '../../src/discovery/discovery.ts';
import { publish } from '../helpers/published.ts';
import { TEST_KEYS } from '../helpers/records.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('daemon/nearby');

function heard(publicKey: Uint8Array, url: string): NearbyStream {
  const when = { firstHeardMs: 1, lastHeardMs: 2 };
  return { publicKey, modified: 7, urls: [url], isSigned: true, ...when };
}

test('titleOf :: takes the title of a page on one line, and nothing that could move the cursor', () => {
  const cases: [string, string | undefined][] = [
    ['<html><title>Garden &amp; co</title>', 'Garden & co'],
    ['<TITLE lang=de>\n  two\n  lines </TITLE>', 'two lines'],
    ['<title></title>', undefined],
    ['<h1>none</h1>', undefined],
    [`<title>${'x'.repeat(500)}</title>`, 'x'.repeat(120)],
  ];

  for (const [page, title] of cases) assert.is(titleOf(page), title, page);
});

test(
  'withTitles :: asks whoever has it, takes only what the key has signed, and goes on without the rest',
  scope(async (t) => {
    const { stream, port } = await publish(t);
    const page = new TextEncoder().encode('<title>Quinces</title>');
    stream.putFile('index.html', page);
    const url = `http://127.0.0.1:${port}`;
    const streams = [
      heard(stream.publicKey, url),
      heard(TEST_KEYS.publicKey, url),
      heard(stream.publicKey, 'http://127.0.0.1:1'),
    ].map(heardStream);

    const [first, other] = await withTitles(streams.slice(0, 2), new AbortController().signal);
    const [gone] = await withTitles(streams.slice(2), new AbortController().signal);

    assert.is(first?.title, 'Quinces');
    assert.is(first?.id, stream.id);
    assert.is(other?.title, undefined);
    assert.is(gone?.title, undefined);
  }),
);

test('lanAddressOf :: is the address of the only site on the network, with its key', () => {
  const id = 'L9pJKFI6LhYN2t81nBmRJQCjcjH0xsY/5j1r6W7X2L0=';
  const path = 'L9pJKFI6LhYN2t81nBmRJQCjcjH0xsY_5j1r6W7X2L0/webAccess/';
  const addresses = [
    'http://f7neskcshixbmdo2342zygmreuakg4rr6tdmmp7ghvv6s3wx3c6q.localhost:33125/',
    `http://127.0.0.1:33125/${path}`,
    `http://10.77.0.1:33125/${path}`,
  ];
  const site = { id, name: 'site', addresses };

  assert.is(lanAddressOf([site]), `http://10.77.0.1:33125/${path}`);
  assert.is(lanAddressOf([{ ...site, addresses: addresses.slice(0, 2) }]), undefined);
  assert.is(lanAddressOf([site, site]), undefined);
  assert.is(lanAddressOf([]), undefined);
});

test('renderCode :: is read by a scanner as what was put in', () => {
  const text = 'http://192.168.178.20:33125/L9pJKFI6LhYN2t81nBmRJQCjcjH0xsY_5j1r6W7X2L0/webAccess/';

  const lines = renderCode(text);

  assert.is(scan(lines), text);
  assert.ok(
    lines.every((line) => line.length <= 80),
    `${lines[0]?.length} columns`,
  );
});

/** What a phone sees: each character is two squares, one above the other, of four by four pixels. */
function scan(lines: readonly string[]): string | undefined {
  const scale = 4;
  const width = (lines[0]?.length ?? 0) * scale;
  const height = lines.length * 2 * scale;
  const pixels = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const row = Math.floor(y / scale);
      const char = lines[Math.floor(row / 2)]?.[Math.floor(x / scale)];
      const isLight = char === '█' || char === (row % 2 === 0 ? '▀' : '▄');
      pixels.fill(isLight ? 255 : 0, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  }
  // The module is CommonJS: what is imported depends on who loads it.
  const decode = jsQr as unknown as { default?: typeof jsQr } & typeof jsQr;
  return (decode.default ?? decode)(pixels, width, height)?.data;
}

test.run();
