/**
 * Paths made of real ones by mutation, over a socket: each gets the file whose key it spells, by rules
 * written down here a second time, or 400 or 404. Every file holds its own key, so that a wrong one shows.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type PipelinedAnswer, pipeline } from '../helpers/pipeline.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('server/path-mutations');

const keys: readonly string[] = [
  ...['index.html', 'about.html', 'docs/index.html', 'docs/api', 'docs/a/b/c.txt', 'both.html'],
  ...['both/index.html', 'with space.txt', 'pl+us.txt', '100%.txt', '%41.txt', 'A.txt', 'a.txt'],
  ...['ünï.txt', 'ü/index.html', '日本.html', '😀.txt', 'a&b=c.txt', 'q?mark.txt', 'hash#.txt'],
  ...['semi;colon', "~!$'(),*@.txt", '[x]{y}|^`".txt', '...', '..a', 'a..', '.hidden', '.a/.b'],
  ...['a//b', '/lead', 'trail//index.html', 'e\u0301.txt', 'é-nfc.txt', '%2F', '%2e%2e/x', 'C:/x'],
  ...['a.html/index.html', 'x.html', 'x.html.html', 'con', 'nul.txt', 'ＡＢ.txt', 'ﬁ.txt', 'İ.txt'],
  ...['etc/passwd', 'index.html.html', '__proto__', 'constructor.html', 'ı', 'ß.txt', 'ss.txt'],
];
const contents = new Set(keys);

/** What is put in, or in the place of something else. */
const pieces: readonly string[] = [
  ...[
    '/',
    '//',
    '/./',
    '/../',
    '..',
    '.',
    '%2e',
    '%2E%2e',
    '%252e',
    '%2f',
    '%2F',
    '%5c',
    '\\',
    '%00',
  ],
  ...['%', '%%', '%4', '%zz', '%c0%af', '%ff', '%C3', '%ED%A0%80', '%F4%90%80%80', '%0d%0a', '%7f'],
  ...[
    '?',
    '?a=b',
    ';x',
    '.html',
    'index.html',
    '/index.html',
    '.',
    '+',
    '%20',
    '%2B',
    '%41',
    '%61',
  ],
  ...['%CC%81', '%C3%BC', 'u%CC%88', '%E2%80%AE', '%EF%BC%8F', '%C2%85', '~', ':', '@', '*', '|'],
  ...['"', '<', '>', 'C:', 'file:///', 'http://x/', 'a', 'A', '0', 'x'.repeat(300)],
];

function mutate(random: Random): string {
  let path = spell(random.pick(keys), random);
  for (let n = random.below(4); n > 0; n -= 1) {
    const at = random.below(path.length + 1);
    const length = random.oneIn(2) ? random.below(4) : 0;
    const piece = random.oneIn(5) ? '' : random.pick(pieces);
    path = path.slice(0, at) + piece + path.slice(at + length);
  }
  return `/${path}`;
}

/** A URL's spelling of a key, now and then with more encoded than needs to be, or less. */
function spell(key: string, random: Random): string {
  const path = key.split('/').map(encodeURIComponent).join('/');
  if (!random.oneIn(4)) return path;
  return path.replace(/[\w.]/g, (letter) =>
    random.oneIn(3) ? `%${letter.charCodeAt(0).toString(16)}` : letter,
  );
}

/** The key a path spells, byte by byte; undefined for what can be none. */
function keyOf(path: string): string | undefined {
  const bytes: number[] = [];
  const raw = path.slice(1);
  for (let at = 0; at < raw.length; at += 1) {
    const hex = /^%[0-9a-f]{2}/i.exec(raw.slice(at, at + 3))?.[0];
    if (raw[at] === '%' && hex === undefined) return undefined;
    bytes.push(hex === undefined ? raw.charCodeAt(at) : Number.parseInt(hex.slice(1), 16));
    if (hex !== undefined) at += 2;
  }
  let key: string;
  try {
    key = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
  const isBad = [...key].some((one) => {
    const code = one.codePointAt(0) ?? 0;
    return code < 32 || (code >= 127 && code < 160) || one === '\\';
  });
  return isBad || key.split('/').some((one) => one === '.' || one === '..') ? undefined : key;
}

/** What a key shows, or where it leads: the first of these that there is. */
function expectedOf(path: string): string {
  const [plain = ''] = path.split('?');
  const search = path.slice(plain.length);
  const proper = plain.replace(/%(?![0-9a-f]{2})/gi, '%25');
  const key = path.includes('#') ? undefined : keyOf(proper);
  if (key === undefined) return '400';
  const expected = expectedOfAny(key, search);
  if (proper === plain || expected.startsWith('308')) return expected;
  return expected === '404' ? '400' : `308 ${encode(key)}${search}`;
}

function expectedOfAny(key: string, search: string): string {
  for (const spelling of new Set([key, key.normalize('NFC')])) {
    const found = expectedOfKey(spelling, search);
    if (found !== undefined) return found;
  }
  return '404';
}

function encode(key: string): string {
  const encoded = key.split('/').map(encodeURIComponent);
  const lead = /^\/*/.exec(key)?.[0].length ?? 0;
  return `/${'%2F'.repeat(lead)}${encoded.slice(lead).join('/')}`;
}

function expectedOfKey(key: string, search: string): string | undefined {
  const has = (one: string): boolean => contents.has(one);
  const to = (one: string): string => `308 ${encode(one)}${search}`;
  if (key === '' || key.endsWith('/')) {
    const bare = key.replace(/\/+$/, '');
    if (has(`${key}index.html`)) return `200 ${key}index.html`;
    return key !== '' && (has(bare) || has(`${bare}.html`)) ? to(bare) : undefined;
  }
  if (has(key)) return `200 ${key}`;
  if (has(`${key}.html`)) return `200 ${key}.html`;
  return has(`${key}/index.html`) ? to(`${key}/`) : undefined;
}

function told({ status, location, body }: PipelinedAnswer): string {
  if (status === 308) return `308 ${location}`;
  return status === 200 ? `200 ${body}` : String(status);
}

// 40,000 in a quick run, a million in a slow one.
const rounds = scaled(20_000);
const bases: readonly (readonly [string, (port: number) => string, string])[] = [
  [
    'on its own origin',
    (port) => `${formatStreamId(KEY_A.publicKey, 'base32')}.localhost:${port}`,
    '',
  ],
  [
    'under its key',
    (port) => `127.0.0.1:${port}`,
    `/${formatStreamId(KEY_A.publicKey, 'base64url')}/webAccess`,
  ],
];

for (const [where, hostOf, base] of bases) {
  test(
    `paths :: ${rounds} mutated ones ${where} are an exact key, or 400 or 404 (T057)`,
    scope(async (t) => {
      const { path } = makeSite(t, Object.fromEntries(keys.map((key) => [key, key])));
      const { port, errors } = await serve(t, [{ path }]);
      const seed = freshSeed();
      const random = randomFrom(seed);
      const seen = new Map<string, number>();
      const check = (answer: PipelinedAnswer, asked: string): void => {
        const inner = asked.slice(base.length);
        const expected = expectedOf(inner).replace('308 /', `308 ${base}/`);
        const got = told(answer);
        if (got !== expected) {
          throw new Error(`seed ${seed}: ${asked}: expected ${expected}, got ${got.slice(0, 200)}`);
        }
        seen.set(got.slice(0, 3), (seen.get(got.slice(0, 3)) ?? 0) + 1);
      };

      for (let done = 0; done < rounds; done += 2000) {
        const paths = Array.from(
          { length: Math.min(2000, rounds - done) },
          () => base + mutate(random),
        );
        await pipeline({ port, lines: [`Host: ${hostOf(port)}`] }, paths, check);
      }

      // All four kinds come, none of them by chance only.
      for (const status of ['200', '308', '400', '404']) {
        assert.ok((seen.get(status) ?? 0) > rounds / 2000, `${status}: ${seen.get(status)}`);
      }
      assert.equal(errors, []);
    }),
  );
}

test(
  'paths :: the check sees a file that is another than was asked for',
  scope(async (t) => {
    const { path } = makeSite(t, { 'a.txt': 'b.txt', 'b.txt': 'b.txt' });
    const { port } = await serve(t, [{ path }]);
    const host = formatStreamId(KEY_A.publicKey, 'base32');
    const answers: string[] = [];

    await pipeline({ port, lines: [`Host: ${host}.localhost`] }, ['/a.txt'], (answer, asked) => {
      answers.push(told(answer), expectedOf(asked));
    });

    assert.equal(answers, ['200 b.txt', '200 a.txt']);
  }),
);

test.run();
