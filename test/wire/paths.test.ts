import { request } from 'node:http';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { type ParsedPath, parsePath, type StreamRequest } from '../../src/wire/path-parser.ts';
import {
  crdrPath,
  encodeKey,
  encodeSegment,
  listRecordsPath,
  newestRecordsPath,
  newRecordsPath,
  operationPath,
  originalStreamPath,
  rawAccessPath,
  recordPath,
  STREAMS_PATH,
  streamPath,
  valuePath,
  WELL_KNOWN_PATH,
  webAccessPath,
} from '../../src/wire/paths.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { vectorJson } from '../helpers/old-wire.ts';
import { freshSeed, scaled } from '../helpers/scale.ts';
import { throwsCode } from '../helpers/throws.ts';

const KEY = KEY_A.publicKey;
const ID = '5IHO-iUReD-fGHmRNOFOt4V8krh_FMewte3w3PnqjjY';
const HASH = Uint8Array.from({ length: 32 }, (_, i) => i * 8);
const HASH_HEX = '0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8';
const NONE = { limit: undefined, inline: undefined, head: undefined };
const UNBOUNDED = { after: undefined, before: undefined };

const test = suite('wire/paths');

/** PROTOCOL.md section 6, line by line: what is built, how it looks, what it is read as. */
const EXAMPLES: readonly (readonly [string, string, StreamRequest])[] = [
  [newRecordsPath(KEY, 0), '/newRecords/0', { operation: 'newRecords', since: 0, ...NONE }],
  [
    newRecordsPath(KEY, 1_550_000_072_000_000, { limit: 100, inline: 4096, head: 64 }),
    '/newRecords/1550000072000000?limit=100&inline=4096&head=64',
    { operation: 'newRecords', since: 1_550_000_072_000_000, limit: 100, inline: 4096, head: 64 },
  ],
  [
    newRecordsPath(KEY, 5, { limit: 1, inline: 0 }),
    '/newRecords/5?limit=1&inline=0',
    { operation: 'newRecords', since: 5, limit: 1, inline: 0, head: undefined },
  ],
  [valuePath(KEY, HASH), `/value/${HASH_HEX}`, { operation: 'value', hash: HASH }],
  [
    recordPath(KEY, 'file', 'docs/a b.html'),
    '/record/file/docs/a%20b.html',
    { operation: 'record', type: 'file', key: 'docs/a b.html', inline: undefined, proof: false },
  ],
  [
    recordPath(KEY, 'drayer', 'snapshot', { inline: 1000, proof: true }),
    '/record/drayer/snapshot?inline=1000&proof=1',
    { operation: 'record', type: 'drayer', key: 'snapshot', inline: 1000, proof: true },
  ],
  [
    recordPath(KEY, 'obj', 'x', { proof: false }),
    '/record/obj/x',
    { operation: 'record', type: 'obj', key: 'x', inline: undefined, proof: false },
  ],
  [
    crdrPath(KEY, 9_007_199_254_740_991),
    '/crdr/9007199254740991',
    { operation: 'crdr', old: 9_007_199_254_740_991, inline: undefined },
  ],
  [crdrPath(KEY, 0, { inline: 0 }), '/crdr/0?inline=0', { operation: 'crdr', old: 0, inline: 0 }],
  [
    newestRecordsPath(KEY, 'publicSocialPost'),
    '/newestRecordsJSON/publicSocialPost',
    { operation: 'newestRecordsJSON', type: 'publicSocialPost', ...UNBOUNDED },
  ],
  [
    listRecordsPath(KEY, 'a/b', { after: -1, before: 70 }),
    '/listRecordsJSON/a%2Fb?after=-1&before=70',
    { operation: 'listRecordsJSON', type: 'a/b', after: -1, before: 70 },
  ],
  [webAccessPath(KEY, ''), '/webAccess/', { operation: 'webAccess', key: '' }],
  [
    webAccessPath(KEY, 'a+b/100%.html'),
    '/webAccess/a%2Bb/100%25.html',
    { operation: 'webAccess', key: 'a+b/100%.html' },
  ],
  [
    rawAccessPath(KEY, 'obj', 'a/b'),
    '/rawwebacess/obj/a%2Fb',
    { operation: 'rawwebacess', type: 'obj', key: 'a/b' },
  ],
  ...(['forkProof', 'newRecordAvailable', 'values', 'lease', 'records', 'events'] as const).map(
    (operation) => [operationPath(KEY, operation), `/${operation}`, { operation }] as const,
  ),
  [streamPath(KEY), '', { operation: 'index' }],
  [`${streamPath(KEY)}/`, '/', { operation: 'index' }],
];

for (const [built, shown, meant] of EXAMPLES) {
  test(`paths :: /<key>${shown} is built and read`, () => {
    assert.is(built, `/${ID}${shown}`);
    assert.equal(requestOf(built), meant);
  });
}

test('paths :: on a site of its own the same stand below /.well-known/drayer', () => {
  const base = WELL_KNOWN_PATH;
  const place = { site: KEY };

  assert.is(newRecordsPath(KEY, 3, { base, limit: 2 }), '/.well-known/drayer/newRecords/3?limit=2');
  for (const [built, , meant] of EXAMPLES) {
    const moved = built.replace(`/${ID}`, base);
    if (moved === base) continue;
    const parsed = parse(moved, place);
    assert.ok(parsed?.kind === 'stream' && parsed.canonical);
    assert.equal(parsed.request, meant);
    assert.is(parsed.publicKey, KEY);
  }
});

test('parsePath :: on a site of its own nothing else is ours', () => {
  for (const path of ['/', '/index.html', `/${ID}/newRecords/0`, '/.well-known/x', STREAMS_PATH]) {
    assert.is(parsePath(path, '', { site: KEY }), undefined, path);
  }
  assert.is(parsePath(`${WELL_KNOWN_PATH}/nothing`, '', { site: KEY }), undefined);
});

test('paths :: a mount prefix stands before everything', () => {
  const mount = '/mirror/of';

  assert.is(streamPath(KEY, mount), `/mirror/of/${ID}`);
  assert.is(crdrPath(KEY, 1, { base: streamPath(KEY, mount) }), `/mirror/of/${ID}/crdr/1`);
  assert.equal(parsePath(`${mount}${STREAMS_PATH}`, '', { mount }), { kind: 'streams' });
  for (const [built, , meant] of EXAMPLES) assert.equal(requestOf(mount + built, { mount }), meant);
  assert.is(parsePath(`/${ID}/newRecords/0`, '', { mount }), undefined);
  assert.is(parsePath(`/mirror/off/${ID}/newRecords/0`, '', { mount }), undefined);
});

test('parsePath :: the original path of a key is read, though not canonical', () => {
  const path = originalStreamPath(KEY);

  const parsed = parsePath(`${path}/newRecords/0`);

  assert.is(path, '/5IHO%2BiUReD%2BfGHmRNOFOt4V8krh%2FFMewte3w3PnqjjY%3D');
  assert.ok(parsed?.kind === 'stream');
  assert.equal(parsed.publicKey, KEY);
  assert.is(parsed.canonical, false);
  assert.is(parsed.rest, '/newRecords/0');
});

test('parsePath :: every spelling of a key is read, only base64url is canonical', () => {
  const spellings = (['base64', 'base64url', 'base32', 'words'] as const).map((spelling) =>
    encodeURIComponent(formatStreamId(KEY_B.publicKey, spelling)),
  );

  const canonical = spellings.map((spelling) => {
    const parsed = parsePath(`/${spelling}/webAccess/x`);
    assert.ok(parsed?.kind === 'stream');
    assert.equal(parsed.publicKey, KEY_B.publicKey);
    return parsed.canonical;
  });

  assert.equal(canonical, [false, true, false, false]);
});

test('parsePath :: what is none of ours is undefined', () => {
  const others = [
    '',
    '/',
    '/favicon.ico',
    '/index.html',
    'newRecords/0',
    `/${ID}/nothing`,
    `/${ID}/NEWRECORDS/0`,
    `/${ID}/__proto__/0`,
    `/${ID}/constructor`,
    `/${ID}/events/x`,
    `/${ID}//newRecords/0`,
    `//${ID}/newRecords/0`,
    '/streams.json/',
    '/newRecords/0',
  ];

  for (const path of others) assert.is(parsePath(path), undefined, path);
});

test('parsePath :: an operation on something that is no key says so', () => {
  for (const key of ['nobody', ID.slice(1), `${ID}x`, 'A'.repeat(43), '%ff']) {
    assert.throws(() => parsePath(`/${key}/newRecords/0`), throwsCode('STREAM_ID_INVALID'));
  }
});

const REFUSED: readonly string[] = [
  'newRecords',
  'newRecords/',
  'newRecords/x',
  'newRecords/1.5',
  'newRecords/1e3',
  'newRecords/1e400',
  'newRecords/NaN',
  'newRecords/0x10',
  'newRecords/%31',
  'newRecords/+1',
  'newRecords/ 1',
  'newRecords/18446744073709551616',
  'newRecords/9223372036854775808',
  'newRecords/0/1',
  'newRecords/0?limit=0',
  'newRecords/0?limit=-1',
  'newRecords/0?limit=x',
  'newRecords/0?limit=',
  'newRecords/0?limit',
  'newRecords/0?limit=9007199254740992',
  'newRecords/0?inline=-1',
  'newRecords/0?head=257',
  'crdr',
  'crdr/-1',
  'crdr/x',
  'value',
  'value/',
  `value/${HASH_HEX.slice(1)}`,
  `value/${HASH_HEX}0`,
  `value/${HASH_HEX}/x`,
  `value/${HASH_HEX.replace('8', 'g')}`,
  'record',
  'record/file',
  'record/file/x?proof=2',
  'record/file/x?proof=yes',
  'rawwebacess',
  'rawwebacess/obj',
  'newestRecordsJSON',
  'listRecordsJSON',
  'listRecordsJSON/a/b',
  'listRecordsJSON/a?after=x',
];

for (const rest of REFUSED) {
  test(`parsePath :: refuses ${rest}`, () => {
    assert.throws(() => parse(`/${ID}/${rest}`), throwsCode('USAGE'));
  });
}

for (const rest of ['%', '%zz', '%ff', '%c0%af']) {
  test(`parsePath :: webAccess/${rest} is a path of the site, and of no key`, () => {
    assert.equal(requestOf(`/${ID}/webAccess/${rest}`), { operation: 'webAccess', key: undefined });
  });
}

for (const rest of ['record/%/x', 'listRecordsJSON/%ed%a0%80']) {
  test(`parsePath :: refuses ${rest}, which is no UTF-8`, () => {
    assert.throws(() => parse(`/${ID}/${rest}`), throwsCode('PATH_INVALID'));
  });
}

test('parsePath :: -1 counts as 0, numbers above 2^53 as 2^53 - 1, a slash at the end as none', () => {
  const since = (rest: string): unknown => {
    const request = requestOf(`/${ID}/${rest}`);
    return request?.operation === 'newRecords' ? request.since : undefined;
  };

  assert.is(since('newRecords/-1'), 0);
  assert.is(since('newRecords/-9223372036854775808'), 0);
  assert.is(since('newRecords/9999999999999999'), 9_007_199_254_740_991);
  assert.is(since('newRecords/9223372036854775807'), 9_007_199_254_740_991);
  assert.is(since('newRecords/0/'), 0);
  assert.is(since('newRecords/007'), 7);
});

test('parsePath :: unknown parameters are ignored, of a repeated one the last counts', () => {
  const request = requestOf(`/${ID}/newRecords/0?utm=1&limit=5&__proto__=3&limit=6&&=`);

  assert.equal(request, { operation: 'newRecords', since: 0, ...NONE, limit: 6 });
});

test('parsePath :: the query may come with or without its question mark', () => {
  const path = `/${ID}/newRecords/0`;

  assert.equal(parsePath(path, 'limit=3'), parsePath(path, '?limit=3'));
});

test('parsePath :: a key is decoded once', () => {
  assert.equal(requestOf(`/${ID}/webAccess/a%252Fb`), { operation: 'webAccess', key: 'a%2Fb' });
  assert.equal(requestOf(`/${ID}/webAccess`), { operation: 'webAccess', key: '' });
  assert.equal(requestOf(`/${ID}/webAccess/a//b`), { operation: 'webAccess', key: 'a//b' });
  assert.equal(requestOf(`/${ID}/webAccess/a/../b`), { operation: 'webAccess', key: 'a/../b' });
});

const KEYS: readonly (readonly [string, string])[] = [
  ['index.html', 'index.html'],
  ['a/b/c', 'a/b/c'],
  ['/x', '%2Fx'],
  ['x/', 'x%2F'],
  ['a//b', 'a%2F%2Fb'],
  ['a/./b', 'a%2F.%2Fb'],
  ['a/../b', 'a%2F..%2Fb'],
  ['../x', '..%2Fx'],
  ['/', '%2F'],
  ['a b', 'a%20b'],
  ['1+1=2', '1%2B1%3D2'],
  ['100%', '100%25'],
  ['%2F', '%252F'],
  ['a?b#c', 'a%3Fb%23c'],
  ['ü/日本', '%C3%BC/%E6%97%A5%E6%9C%AC'],
  ['😀', '%F0%9F%98%80'],
  ['a\\b', 'a%5Cb'],
  ['a\u0000\n', 'a%00%0A'],
  ['...', '...'],
];

for (const [key, encoded] of KEYS) {
  test(`encodeKey :: ${JSON.stringify(key)} is written ${encoded}`, () => {
    assert.is(encodeKey(key), encoded);
  });
}

test('encodeKey, encodeSegment :: refuse a lone surrogate', () => {
  assert.throws(() => encodeKey('a/\ud800'), throwsCode('PATH_INVALID'));
  assert.throws(() => encodeSegment('\udfff'), throwsCode('PATH_INVALID'));
});

const anyKey = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 6 }),
      fc.constantFrom('', '.', '..', '%', '%2F', '+', ' ', 'a b', '?', '#', '\\', ';', '%2e'),
    ),
    { maxLength: 5 },
  )
  .map((segments) => segments.join('/').toWellFormed());

test('recordPath, webAccessPath :: every key comes back from a path', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 8 }), anyKey, (rawType, key) => {
      const type = rawType.toWellFormed();
      const record = requestOf(recordPath(KEY, type, key));
      const raw = requestOf(rawAccessPath(KEY, type, key));
      const file = requestOf(webAccessPath(KEY, key));

      assert.equal(record, { operation: 'record', type, key, inline: undefined, proof: false });
      assert.equal(raw, { operation: 'rawwebacess', type, key });
      assert.equal(file, { operation: 'webAccess', key });
    }),
    { seed: freshSeed(), numRuns: scaled(2000) },
  );
});

test('webAccessPath :: every key but . and .. also comes back through a URL parser', () => {
  fc.assert(
    fc.property(anyKey, (key) => {
      fc.pre(key !== '.' && key !== '..');
      const url = new URL(webAccessPath(KEY, key), 'http://localhost');

      assert.equal(requestOf(url.pathname + url.search), { operation: 'webAccess', key });
    }),
    { seed: freshSeed(), numRuns: scaled(2000) },
  );
});

test('paths :: only characters that node:http takes', () => {
  for (const [built] of EXAMPLES) {
    const client = request({ path: built, host: '127.0.0.1', port: 9 });
    client.on('error', () => undefined).destroy();
  }
  assert.ok(EXAMPLES.every(([built]) => /^[\x21-\x7e]+$/.test(built)));
});

test('parsePath :: random targets are read, refused with our errors, or none of ours', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'newRecords',
      'crdr',
      'value',
      'record',
      'webAccess',
      'listRecordsJSON',
      ID,
      '',
    ),
    fc.string({ unit: fc.constantFrom(...'%2F.\\;:?=&-09aF\u0000\u00ff'), maxLength: 8 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.string(), (pieces, search) => {
      for (const path of [`/${pieces.join('/')}`, `/${ID}/${pieces.join('/')}`]) {
        try {
          parsePath(path, search);
        } catch (error) {
          const isOurs = (['USAGE', 'PATH_INVALID', 'STREAM_ID_INVALID'] as const).some((code) =>
            isDrayerError(error, code),
          );
          if (!isOurs) throw error;
        }
      }
    }),
    { seed: freshSeed(), numRuns: scaled(3000) },
  );
});

test('parsePath :: reads what was asked of the original wherever it answered 200', () => {
  type Reply = { method: string; path: string; status: number };
  const asked = vectorJson<Reply[]>('http/manifest.json').filter(
    ({ status, path }) => status === 200 && !path.includes('streampk'),
  );

  const unread = asked.filter(({ path }) => parse(path)?.kind !== 'stream').map(({ path }) => path);

  // Not a stream's: the greeting of the original.
  assert.equal(
    unread.filter((path) => !['/', '/index'].includes(path)),
    [],
  );
  assert.ok(asked.length > 100);
});

function parse(target: string, place = {}): ParsedPath | undefined {
  const mark = target.indexOf('?');
  if (mark === -1) return parsePath(target, '', place);
  return parsePath(target.slice(0, mark), target.slice(mark), place);
}

function requestOf(target: string, place = {}): StreamRequest | undefined {
  const parsed = parse(target, place);
  return parsed?.kind === 'stream' ? parsed.request : undefined;
}

test.run();
