/** Answers that are sent again as bytes: what goes over the wire, and that nobody's bytes are changed. */
import { once } from 'node:events';
import { createServer, IncomingMessage, type RequestListener, ServerResponse } from 'node:http';
import { type AddressInfo, connect, Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  countGiven,
  giveAnswer,
  type ReadyAnswer,
  takeAnswer,
} from '../../src/server/ready-answer.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('server/ready-answer');

const BODY = Buffer.from('page of bytes');

/** A server that answers once by itself and from then on with what it took of that. */
async function serve(t: Scope): Promise<{ port: number; counted: number[] }> {
  const counted: number[] = [];
  let answer: ReadyAnswer | undefined;
  const handler: RequestListener = (_request, response) => {
    countGiven(response, (bytes) => counted.push(bytes));
    if (answer !== undefined && giveAnswer(response, answer)) return;
    response.writeHead(200, { 'Content-Length': BODY.length, 'X-Of': 'page' });
    response.end(BODY);
    answer ??= takeAnswer(response, BODY);
  };
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.defer(server, (one) => one.close());
  return { port: (server.address() as AddressInfo).port, counted };
}

/** A response on a connection on which so many bytes still wait for the system. */
function responseTo(sent: Buffer[], waiting: number): ServerResponse {
  const socket = new Socket();
  socket.write = (chunk: Uint8Array | string) => {
    if (chunk.length > 0) sent.push(chunk as Buffer);
    return true;
  };
  Object.defineProperty(socket, 'writableLength', { value: waiting });
  const request = new IncomingMessage(socket);
  Object.assign(request, { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 });
  const response = new ServerResponse(request);
  response.shouldKeepAlive = true;
  response.assignSocket(socket);
  return response;
}

function take(): ReadyAnswer {
  const response = responseTo([], 0);
  response.writeHead(200, ['Content-Length', String(BODY.length)]);
  response.end(BODY);
  const answer = takeAnswer(response, BODY);
  if (answer === undefined) throw new Error('this node is another inside');
  return answer;
}

function atTime(t: Scope, ms: number): void {
  const { now } = Date;
  t.defer(now, (before) => {
    Date.now = before;
  });
  Date.now = () => ms;
}

test(
  'giveAnswer :: three on one connection are the same bytes, and the connection stays',
  scope(async (t) => {
    const { port, counted } = await serve(t);
    const socket = connect(port, '127.0.0.1');
    const answers: string[] = [];

    for (const end of ['keep-alive', 'keep-alive', 'keep-alive', 'close']) {
      socket.write(`GET / HTTP/1.1\r\nHost: a\r\nConnection: ${end}\r\n\r\n`);
      let text = '';
      while (!text.endsWith(String(BODY))) text += (await once(socket, 'data')).join('');
      answers.push(text);
    }

    const [first = '', ...rest] = answers.map((one) => one.replace(/^Date: .*\r\n/m, ''));
    const last = rest.pop() ?? '';
    assert.ok(
      first.endsWith(
        `X-Of: page\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n${BODY}`,
      ),
      first,
    );
    assert.equal(
      rest,
      Array.from({ length: 2 }, () => first),
    );
    assert.is(last, first.replace(/Connection: .*\r\nKeep-Alive: .*\r\n/, 'Connection: close\r\n'));
    assert.is(counted.length, 2);
    assert.equal(new Set(counted), new Set([BODY.length]));
  }),
);

test(
  'giveAnswer :: says the time it is sent, in the bytes it has where all were taken',
  scope((t) => {
    const answer = take();
    const sent: Buffer[] = [];

    atTime(t, Date.UTC(2030, 0, 1));
    assert.ok(giveAnswer(responseTo(sent, 0), answer));
    assert.match(sent[0]?.toString() ?? '', 'Date: Tue, 01 Jan 2030 00:00:00 GMT\r\n');
    atTime(t, Date.UTC(2031, 5, 15, 1, 2, 3, 999));
    assert.ok(giveAnswer(responseTo(sent, 0), answer));

    assert.match(sent[1]?.toString() ?? '', 'Date: Sun, 15 Jun 2031 01:02:03 GMT\r\n');
    assert.is(sent[1], sent[0]);
    assert.ok(sent[1]?.toString().endsWith(BODY.toString()));
  }),
);

test(
  'giveAnswer :: bytes that somebody has not taken yet are not changed under their hands',
  scope((t) => {
    const answer = take();
    const sent: Buffer[] = [];

    atTime(t, Date.UTC(2030, 0, 1));
    assert.ok(giveAnswer(responseTo(sent, 100), answer));
    atTime(t, Date.UTC(2031, 0, 1));
    assert.ok(giveAnswer(responseTo(sent, 0), answer));
    atTime(t, Date.UTC(2032, 0, 1));
    assert.ok(giveAnswer(responseTo(sent, 0), answer));

    assert.match(sent[0]?.toString() ?? '', 'Tue, 01 Jan 2030');
    assert.match(sent[1]?.toString() ?? '', 'Thu, 01 Jan 2032');
    assert.is(sent[2], sent[1]);
  }),
);

test('giveAnswer :: leaves a connection alone that ends, or on which another has its turn', () => {
  const answer = take();
  const sent: Buffer[] = [];
  const last = responseTo(sent, 0);
  last.shouldKeepAlive = false;
  const waiting = new ServerResponse(new IncomingMessage(new Socket()));
  waiting.shouldKeepAlive = true;
  const cut = responseTo(sent, 0);
  cut.socket?.destroy();

  for (const response of [last, waiting, cut]) {
    assert.not(giveAnswer(response, answer));
    assert.not(response.headersSent);
  }
  assert.equal(sent, []);
});

test.run();
