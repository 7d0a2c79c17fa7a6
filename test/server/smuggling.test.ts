/**
 * Where two ends of a connection disagree on where a request ends, one visitor's bytes become another's
 * request. Each of these is refused with the connection, or read as RFC 9112 has it: what stands behind is
 * never answered where it could be part of the body.
 */

import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readAll } from '../helpers/raw-http.ts';
import { scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('server/smuggling');

const HOST = 'Host: localhost\r\n';
/** Answered with 404: whether it was taken for a request shows in the second status. */
const HIDDEN = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

/** Name, what comes before the hidden request, the statuses that may come back. */
const cases: readonly (readonly [string, string, readonly string[]])[] = [
  ['control: two requests are two', `GET / HTTP/1.1\r\n${HOST}\r\n`, ['200 404']],
  [
    'length and chunked',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ['400'],
  ],
  [
    'chunked and length',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    ['400'],
  ],
  [
    'two lengths that differ',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 0\r\nContent-Length: 9\r\n\r\n`,
    ['400'],
  ],
  [
    'two lengths that agree',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`,
    ['400'],
  ],
  ['a list of lengths', `POST / HTTP/1.1\r\n${HOST}Content-Length: 0, 0\r\n\r\n`, ['400']],
  ['a length with a sign', `POST / HTTP/1.1\r\n${HOST}Content-Length: +0\r\n\r\n`, ['400']],
  ['a negative length', `POST / HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n`, ['400']],
  ['a hexadecimal length', `POST / HTTP/1.1\r\n${HOST}Content-Length: 0x0\r\n\r\n`, ['400']],
  [
    'a length past 64 bits',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 18446744073709551616\r\n\r\n`,
    ['400'],
  ],
  ['an empty length', `POST / HTTP/1.1\r\n${HOST}Content-Length:\r\n\r\n`, ['400']],
  ['a space before the colon', `POST / HTTP/1.1\r\n${HOST}Content-Length : 0\r\n\r\n`, ['400']],
  [
    'a vertical tab in a coding',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n`,
    ['400'],
  ],
  [
    'a coding spelt wrongly',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    ['400'],
  ],
  [
    'chunked not last',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    ['400'],
  ],
  [
    'chunked twice',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ['400', '405 404'],
  ],
  [
    'a folded coding',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
    ['400'],
  ],
  ['bare line feeds in the head', `GET / HTTP/1.1\nHost: localhost\n\n`, ['400']],
  ['one bare line feed', `GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n`, ['400']],
  ['a bare carriage return', `GET / HTTP/1.1\r\n${HOST}X: a\rContent-Length: 60\r\n\r\n`, ['400']],
  ['a NUL in a value', `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`, ['400']],
  ['a line feed in the target', `GET /\n HTTP/1.1\r\n${HOST}\r\n`, ['400']],
  ['a space in the target', `GET / a HTTP/1.1\r\n${HOST}\r\n`, ['400']],
  ['no version', 'GET /\r\n', ['400']],
  ['another version', `GET / HTTP/1.2\r\n${HOST}\r\n`, ['400']],
  ['version 2', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`, ['400']],
  [
    'chunks with bare line feeds',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n`,
    ['400'],
  ],
  [
    'a chunk longer than it says',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n`,
    ['400', '405'],
  ],
  [
    'a chunk size past 64 bits',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n`,
    ['400', '405'],
  ],
  [
    'a chunk size with a sign',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n-1\r\n`,
    ['400', '405'],
  ],
  [
    'a chunk size as 0x',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n`,
    ['400', '405'],
  ],
  [
    'a flood of chunk extensions',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(40_000)}\r\na\r\n0\r\n\r\n`,
    ['413', '405'],
  ],
  [
    'a GET with a length',
    `GET / HTTP/1.1\r\n${HOST}Content-Length: ${HIDDEN.length}\r\n\r\n`,
    ['200'],
  ],
  [
    'a HEAD with a length',
    `HEAD / HTTP/1.1\r\n${HOST}Content-Length: ${HIDDEN.length}\r\n\r\n`,
    ['200'],
  ],
  [
    'an upgrade nobody knows',
    `GET / HTTP/1.1\r\n${HOST}Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n`,
    ['200 404', '200'],
  ],
  ['an expectation nobody knows', `GET / HTTP/1.1\r\n${HOST}Expect: wonders\r\n\r\n`, ['417']],
  ['a tunnel', `CONNECT localhost:1 HTTP/1.1\r\n${HOST}\r\n`, ['501']],
];

test(
  'requests :: where one ends is never in doubt (T060)',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'home' });
    const { port, errors, get } = await serve(
      t,
      [{ path }],
      {},
      { timeouts: { keepAliveMs: 100 } },
    );

    for (const [name, before, wanted] of cases) {
      const socket = connect(port, '127.0.0.1');
      socket.write(before + HIDDEN, 'latin1');
      const came = (await readAll(socket)).toString('latin1');

      const statuses = [...came.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map((match) => match[1]);
      assert.ok(wanted.includes(statuses.join(' ')), `${name}: ${statuses.join(' ')}`);
      for (const [head] of came.matchAll(/^HTTP\/1\.1 [\s\S]*?\r\n\r\n/gm)) {
        assert.match(head, /^X-Content-Type-Options: nosniff\r$/im, name);
      }
    }

    assert.is((await get('/')).status, 200);
    assert.equal(errors, []);
  }),
);

test.run();
