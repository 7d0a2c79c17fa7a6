/** Requests no client would make: whatever comes, the answer is one of ours and the server lives on. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { KEY_A } from '../helpers/keys.ts';
import { rawExchange } from '../helpers/raw-http.ts';
import { scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('server/fuzz');

const key = formatStreamId(KEY_A.publicKey, 'base64url');
const label = formatStreamId(KEY_A.publicKey, 'base32');
const secret = 'the only content';

const pieces = fc.constantFrom(
  ...['/', '//', '..', '.', '%2e', '%2E%2e', '%252e', '%5c', '\\', '%00', '%2F', ';x', '?', '?a=1'],
  ...[
    '&',
    '%',
    '%zz',
    '%ff',
    '%C3%A9',
    '%ED%A0%80',
    '\xe9',
    '\x7f',
    'a',
    'index',
    '.html',
    '~',
    '+',
  ],
  ...[
    key,
    label,
    `${key}=`,
    'webAccess',
    'newRecords',
    'record',
    'file',
    'crdr',
    'value',
    'events2',
  ],
  ...['rawwebacess', 'newestRecordsJSON', '0', '-1', '99999999999999999999', '1e9', '?limit=2'],
  ...[
    '?inline=x',
    '?proof=1',
    '?streampk=',
    '__proto__',
    'constructor',
    '.well-known',
    'drayer',
    'etc',
  ],
);
const tail = fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join(''));
const operation = fc
  .tuple(
    fc.constantFrom(key, label, `${key}%3D`, '.well-known/drayer'),
    fc.constantFrom(
      'webAccess/',
      'newRecords/',
      'record/file/',
      'crdr/',
      'rawwebacess/file/',
      'value/',
    ),
    fc.oneof(tail, fc.constantFrom('', '0', 'index.html', '0?limit=1', 'index.html?proof=1')),
  )
  .map(([place, name, rest]) => `/${place}/${name}${rest}`);
const target = fc.oneof(
  operation,
  tail.map((text) => `/${text}`),
);
const headerValue = fc
  .string({ maxLength: 40, unit: 'binary-ascii' })
  .map((text) => text.replace(/[\r\n\0]/g, ''));
const header = fc.tuple(
  fc.constantFrom(
    'Accept-Encoding',
    'If-None-Match',
    'If-Match',
    'If-Modified-Since',
    'Range',
    'If-Range',
    'Sec-Fetch-Site',
    'Service-Worker',
  ),
  fc.oneof(
    headerValue,
    fc.constantFrom('*', 'gzip', 'bytes=0-', 'bytes=-1', '"x"', 'W/"', '*;q=0'),
  ),
);
const request = fc.record({
  target,
  headers: fc.array(header, { maxLength: 3 }),
  host: fc.constantFrom('localhost', `${label}.localhost`, '127.0.0.1', '[::1]'),
  method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST'),
});

test(
  'any request :: gets an answer of ours, never a 500, never another file (T057)',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'home', 'a/.hidden': secret });
    const { port, errors, get } = await serve(t, [{ path }], {
      domains: { '127.0.0.1': KEY_A.publicKey },
    });
    const answers = new Set<number>();

    await fc.assert(
      fc.asyncProperty(request, async ({ target, headers, host, method }) => {
        const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
        const head = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines}Connection: close\r\n\r\n`;
        const response = await rawExchange(port, Buffer.from(head, 'latin1'), { method });

        answers.add(response.status);
        assert.ok(response.status !== 500, head);
        assert.ok(response.complete, head);
        assert.not.match(response.body.toString(), secret);
      }),
      { numRuns: 600 },
    );

    assert.equal(errors, []);
    assert.is((await get('/')).body.toString(), 'home');
    // The generator reaches the handlers, not only the parser.
    for (const status of [200, 308, 400, 404, 405]) assert.ok(answers.has(status), `${status}`);
  }),
);

test(
  'pipelined requests :: a thousand on one connection get their answers in order (T060)',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'home' });
    const { port, errors } = await serve(t, [{ path }]);
    const one = (close: string, tag: number): string =>
      `HEAD /?${tag} HTTP/1.1\r\nHost: ${label}.localhost\r\n${close}\r\n`;
    const all = Array.from({ length: 999 }, (_, i) => one('', i)).join('');

    const { body } = await rawExchange(port, all + one('Connection: close\r\n', 999), {
      method: 'HEAD',
    });

    assert.is(body.toString('latin1').match(/HTTP\/1\.1 200 OK/g)?.length, 999);
    assert.equal(errors, []);
  }),
);

test.run();
