import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keyPairFromSeed } from '#crypto';
import { isDrayerError } from '../../src/core/errors.ts';
import {
  formatStreamId,
  isCanonicalSpelling,
  parseStreamId,
  parseStreamUrl,
} from '../../src/core/stream-id.ts';
import { encode, FIELD, SMALL_ORDER } from '../helpers/edwards.ts';
import { vectorJson } from '../helpers/old-wire.ts';
import { freshSeed, scaled } from '../helpers/scale.ts';
import { throwsCode } from '../helpers/throws.ts';

type Vectors = {
  keys: Record<string, VectorKey>;
  opening_a_stream_with: { given: string; what: string; accepted: boolean; pubkey_hex?: string }[];
};
type VectorKey = {
  public_b64: string;
  public_hex: string;
  public_url: string;
  pgp_original: string;
  pgp_standard_24: string;
  pgp_standard_32: string;
  secret_b64: string;
};

const vectors = vectorJson<Vectors>('keys.json');
const A = vectors.keys['A'] as VectorKey;
const A_LABEL = '4sa456rfcf4d7hyypgitjykow6cxzevyp4kmpmfv5xynz6pkry3a';
const A_URL = '5IHO-iUReD-fGHmRNOFOt4V8krh_FMewte3w3PnqjjY';

const test = suite('core/stream-id');

for (const [name, key] of Object.entries(vectors.keys)) {
  const publicKey = fromHex(key.public_hex);

  test(`formatStreamId :: key ${name} has the spellings of the original`, () => {
    assert.is(formatStreamId(publicKey), key.public_b64);
    assert.is(formatStreamId(publicKey, 'base64'), key.public_b64);
    assert.is(formatStreamId(publicKey, 'base64url'), Buffer.from(publicKey).toString('base64url'));
    assert.is(formatStreamId(publicKey, 'words'), key.pgp_standard_32);
    assert.is(encodeURIComponent(formatStreamId(publicKey)), key.public_url);
  });

  test(`parseStreamId :: key ${name} is read from every spelling, wrapping and encoding`, () => {
    const words = key.pgp_standard_32;
    const spellings = [
      key.public_b64,
      key.public_b64.replace('=', ''),
      Buffer.from(publicKey).toString('base64url'),
      `${Buffer.from(publicKey).toString('base64url')}=`,
      formatStreamId(publicKey, 'base32'),
      formatStreamId(publicKey, 'base32').toUpperCase(),
      words,
      words.toUpperCase(),
      words.replaceAll(' ', '-'),
      words.replaceAll(' ', '\n\t'),
      words.replaceAll(' ', ' - '),
    ];

    for (const spelling of spellings) {
      for (const given of wrappings(spelling)) {
        assert.is(hex(parseStreamId(given)), key.public_hex, given);
      }
    }
  });
}

test('formatStreamId :: base32 is the lower-case label without padding', () => {
  assert.is(formatStreamId(fromHex(A.public_hex), 'base32'), A_LABEL);
  assert.is(formatStreamId(fromHex(A.public_hex), 'base64url'), A_URL);
});

for (const length of [0, 31, 33]) {
  test(`formatStreamId :: refuses ${length} bytes`, () => {
    assert.throws(() => formatStreamId(new Uint8Array(length)), throwsCode('STREAM_ID_INVALID'));
  });
}

/** What the original takes and we do not, and the other way round. */
const DIFFERENCES = new Map([
  [vectors.opening_a_stream_with[2]?.given, '21 words are not a whole key'],
  [vectors.opening_a_stream_with[3]?.given, '24 words are not a whole key'],
  [vectors.opening_a_stream_with[4]?.given, 'a key without padding is a key'],
  [vectors.opening_a_stream_with[5]?.given, 'base64url is a spelling, not junk to be dropped'],
]);

for (const { given, what, accepted, pubkey_hex } of vectors.opening_a_stream_with) {
  test(`parseStreamId :: like the original or better: ${what.slice(0, 60)}`, () => {
    const ours = attempt(given);

    if (!DIFFERENCES.has(given)) assert.is(ours, accepted ? pubkey_hex : undefined);
    else assert.ok(ours === undefined || ours === A.public_hex);
  });
}

const REFUSED: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['white space', ' \n'],
  ['a word', 'hello'],
  ['a name', 'example.org'],
  ['43 characters with junk', `${A_URL.slice(0, 42)}!`],
  ['42 characters', A_URL.slice(1)],
  ['two paddings', `${A.public_b64}=`],
  ['both alphabets', `+-${A_URL.slice(2)}`],
  ['spare bits in base64', `${A.public_b64.slice(0, 42)}Z=`],
  ['spare bits in base64url', `${A_URL.slice(0, 42)}Z`],
  ['spare bits in base32', `${A_LABEL.slice(0, 51)}b`],
  ['base32 with a padding', `${A_LABEL}====`],
  ['51 characters of base32', A_LABEL.slice(1)],
  ['a digit base32 does not have', `${A_LABEL.slice(0, 51)}1`],
  ['24 words', A.pgp_standard_24],
  ['what the original prints', A.pgp_original],
  ['33 words', `${A.pgp_standard_32} aardvark`],
  ['31 words', A.pgp_standard_32.split(' ').slice(0, 31).join(' ')],
  ['two words swapped', swapped(A.pgp_standard_32)],
  ['a word of no list', A.pgp_standard_32.replace('tonic', 'toxic')],
  ['broken percent-encoding', '%zz'],
  ['percent-encoding that is not UTF-8', '%ff'],
  ['encoded three times', encodeURIComponent(encodeURIComponent(encodeURIComponent(A.public_b64)))],
  ['another scheme', `https://${A_URL}`],
  ['a scheme alone', 'drayer://'],
  ['hex', A.public_hex],
  ['the private key', A.secret_b64],
  ['a key that is no point', Buffer.alloc(32, 2).toString('base64')],
];

for (const [name, given] of REFUSED) {
  test(`parseStreamId :: refuses ${name}, saying what is accepted`, () => {
    const error = refusal(given);

    assert.match(error.hint ?? '', 'base64');
    assert.match(error.hint ?? '', 'PGP words');
    assert.match(error.hint ?? '', 'drayer://');
    assert.ok(error.message.length < 160, error.message);
  });
}

test('parseStreamId :: refuses keys of small order and keys that are not canonical (R2)', () => {
  const keys = SMALL_ORDER.flatMap((point) => {
    return point.y < 19n ? [encode(point), encode(point, FIELD)] : [encode(point)];
  });

  for (const publicKey of keys) {
    for (const spelling of ['base64', 'base64url', 'base32', 'words'] as const) {
      const text = formatStreamId(publicKey, spelling);
      assert.throws(() => parseStreamId(text), throwsCode('STREAM_ID_INVALID'));
    }
  }
  assert.is(keys.length, 11);
});

test('parseStreamId :: a private key pasted by mistake is named as such and not repeated', () => {
  const { message, hint } = refusal(A.secret_b64);

  assert.match(message, 'private key');
  assert.not.match(`${message}${hint}`, A.secret_b64.slice(0, 6));
});

test('parseStreamId :: what was given is repeated in short', () => {
  assert.match(refusal('hello').message, "'hello'");
  assert.match(refusal('x'.repeat(1000)).message, 'xxxxxxxx… (1000 characters)');
  assert.match(refusal(A.pgp_standard_32.replace('tonic', 'toxic')).message, 'toxic');
});

test('isCanonicalSpelling :: only base64url without padding is', () => {
  const publicKey = fromHex(A.public_hex);

  assert.is(isCanonicalSpelling(A_URL, publicKey), true);
  assert.is(isCanonicalSpelling(`${A_URL}=`, publicKey), false);
  assert.is(isCanonicalSpelling(A.public_b64, publicKey), false);
  assert.is(isCanonicalSpelling(A.public_url, publicKey), false);
  assert.is(isCanonicalSpelling(A_LABEL, publicKey), false);
});

const URLS: readonly (readonly [string, string])[] = [
  [`drayer://${A_URL}`, ''],
  [`drayer://${A_URL}/`, ''],
  [`drayer://${A_URL}/index.html`, 'index.html'],
  [`drayer://${A_LABEL}/docs/a%20b.html`, 'docs/a b.html'],
  [`DRAYER://${A.public_b64}/x/y/`, 'x/y/'],
  [` drayer://${A_URL}/%C3%BC%2Bx `, 'ü+x'],
  [A_URL, ''],
  [`drayer://${A.public_url}`, ''],
];

for (const [url, path] of URLS) {
  test(`parseStreamUrl :: ${url.trim()} names '${path}'`, () => {
    const parsed = parseStreamUrl(url);

    assert.is(hex(parsed.publicKey), A.public_hex);
    assert.is(parsed.path, path);
  });
}

test('parseStreamUrl :: a base64 key may hold slashes', () => {
  const key = vectors.keys['C'] as VectorKey;

  const parsed = parseStreamUrl(`drayer://${key.public_b64}/a/b`);

  assert.is(hex(parsed.publicKey), key.public_hex);
  assert.is(parsed.path, 'a/b');
});

test('parseStreamUrl :: refuses a path that is not UTF-8 and a key that is none', () => {
  assert.throws(() => parseStreamUrl(`drayer://${A_URL}/%ff`), throwsCode('STREAM_ID_INVALID'));
  assert.throws(() => parseStreamUrl('drayer://nobody/x'), throwsCode('STREAM_ID_INVALID'));
});

test('formatStreamId, parseStreamId :: every key survives every spelling', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
      const { publicKey } = keyPairFromSeed(seed);
      for (const spelling of ['base64', 'base64url', 'base32', 'words'] as const) {
        assert.equal(
          parseStreamId(formatStreamId(publicKey, spelling)),
          Uint8Array.from(publicKey),
        );
      }
    }),
    { seed: freshSeed(), numRuns: scaled(200) },
  );
});

test('parseStreamId :: random text is refused with STREAM_ID_INVALID and nothing else', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: fc.constantFrom(...'%aF4=/- \ud800') }),
      ),
      (text) => {
        assert.is(attempt(text), undefined);
      },
    ),
    { seed: freshSeed(), numRuns: scaled(2000) },
  );
});

test('parseStreamId :: a megabyte of anything is refused at once', () => {
  const start = performance.now();

  for (const unit of ['a', ' ', 'a ', '%25', 'tonic-', '=', '/']) {
    assert.is(attempt(unit.repeat(1_000_000 / unit.length)), undefined);
  }

  assert.ok(performance.now() - start < 5000);
});

/** The key as hex, undefined where it is refused; any other error fails the test. */
function attempt(text: string): string | undefined {
  try {
    return hex(parseStreamId(text));
  } catch (error) {
    if (isDrayerError(error, 'STREAM_ID_INVALID')) return undefined;
    throw error;
  }
}

function refusal(text: string): { message: string; hint: string | undefined } {
  try {
    parseStreamId(text);
  } catch (error) {
    if (isDrayerError(error, 'STREAM_ID_INVALID')) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

function wrappings(spelling: string): string[] {
  const once = encodeURIComponent(spelling);
  return [
    spelling,
    ` ${spelling}\n`,
    `drayer://${spelling}`,
    `drayer:${spelling}`,
    `Drayer://${spelling}/`,
    once,
    encodeURIComponent(once),
    once.toLowerCase() === once
      ? once
      : once.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
  ];
}

function swapped(words: string): string {
  const [first, second, ...rest] = words.split(' ');
  return [second, first, ...rest].join(' ');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

test.run();
