/**
 * A whole answer as one piece of bytes, to be sent again with another date. Node checks and joins header
 * fields one by one for every answer, and hands head, body and end to the system as a list: a third of
 * the time of an answer that comes from memory. A public way around that does not exist. So the bytes go
 * to the socket directly, and the message is told, in the fields that node has had for it since its
 * beginnings, that its head is sent; only where a trial shows that this node then does the rest.
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** An answer ready to be sent, on a connection that stays. */
export type ReadyAnswer = {
  readonly status: number;
  /** Head and body. */
  bytes: Buffer;
  /** Not all who are sent these bytes have taken them: they may not be written to. */
  isLent: boolean;
  /** The second its date tells, since 1970. */
  second: number;
  /** Where in it the date is. */
  readonly dateAt: number;
  /** Where in it the body begins. */
  readonly bodyAt: number;
};

type Inside = { _header: unknown; _headerSent: boolean };

// No type of node's has the fields; the trial shows whether this node does.
function insideOf(response: ServerResponse): Inside {
  return response as unknown as Inside;
}

const DATE = /\r\nDate: ([^\r]{29})(?=\r\n)/;
const DATE_BYTES = 29;

/** Those who count what is sent of a body, by response. */
const counters = new WeakMap<ServerResponse, (bytes: number) => void>();

/** Has `count` told of the body bytes that {@link giveAnswer} sends past the response. */
export function countGiven(response: ServerResponse, count: (bytes: number) => void): void {
  counters.set(response, count);
}

/**
 * Makes the answer that a response has just sent ready to be sent again.
 *
 * @param body - what was sent as its body; empty for HEAD and 304
 * @returns undefined where that is not to be had: the connection ends, or this node is another inside
 */
export function takeAnswer(response: ServerResponse, body: Uint8Array): ReadyAnswer | undefined {
  if (!response.shouldKeepAlive) return undefined;
  isTried ??= tryAnswers();
  return isTried ? answerOf(response, body) : undefined;
}

/**
 * Sends an answer.
 *
 * @param response - nothing was written of it
 * @returns whether it was sent; not where its connection ends, or another answer has its turn on it
 */
export function giveAnswer(response: ServerResponse, answer: ReadyAnswer): boolean {
  const { socket } = response;
  if (!response.shouldKeepAlive || socket?.writable !== true) return false;
  const inside = insideOf(response);
  response.statusCode = answer.status;
  inside._header = SENT;
  inside._headerSent = true;
  counters.get(response)?.(answer.bytes.length - answer.bodyAt);
  sendAnswer(socket, answer);
  response.end();
  return true;
}

/**
 * Sends an answer on a connection on which no other is being sent.
 *
 * @returns whether it is the first of its second
 */
export function sendAnswer(socket: Socket, answer: ReadyAnswer): boolean {
  const isFirst = renewDate(answer);
  socket.write(answer.bytes);
  if (socket.writableLength > 0) answer.isLent = true;
  return isFirst;
}

/** Stands where node keeps the text of a head. */
const SENT = 'sent';

function answerOf(response: ServerResponse, body: Uint8Array): ReadyAnswer | undefined {
  const { _header: text } = insideOf(response);
  const match = typeof text === 'string' ? DATE.exec(text) : null;
  if (typeof text !== 'string' || match === null || !text.endsWith('\r\n\r\n')) return undefined;
  const bytes = Buffer.allocUnsafeSlow(text.length + body.length);
  bytes.write(text, 0, 'latin1');
  bytes.set(body, text.length);
  const dateAt = match.index + match[0].length - DATE_BYTES;
  // Whatever second it was: the next answer is given its own.
  const at = { dateAt, bodyAt: text.length };
  return { status: response.statusCode, bytes, isLent: false, second: 0, ...at };
}

let second = 0;
let date = '';

function renewDate(answer: ReadyAnswer): boolean {
  const now = Math.floor(Date.now() / 1000);
  if (now === answer.second) return false;
  if (now !== second) {
    second = now;
    date = new Date(now * 1000).toUTCString();
  }
  if (answer.isLent) {
    const bytes = Buffer.allocUnsafeSlow(answer.bytes.length);
    bytes.set(answer.bytes);
    answer.bytes = bytes;
    answer.isLent = false;
  }
  answer.bytes.write(date, answer.dateAt, 'latin1');
  answer.second = now;
  return true;
}

let isTried: boolean | undefined;

/** Sends one answer both ways, to nobody, and compares. */
function tryAnswers(): boolean {
  const body = Buffer.from('body');
  let answer: ReadyAnswer | undefined;
  const plain = sentBy((response) => {
    response.writeHead(200, ['Content-Length', '4', 'X-Trial', 'yes']);
    response.end(body);
    answer = answerOf(response, body);
  });
  const given = sentBy((response) => {
    if (answer !== undefined && giveAnswer(response, answer)) return;
    response.destroy();
  });
  return (
    plain.text.includes('X-Trial: yes') &&
    plain.isOver &&
    given.isOver &&
    sameButDate(plain.text, given.text)
  );
}

function sameButDate(a: string, b: string): boolean {
  return a.replace(DATE, '') === b.replace(DATE, '');
}

function sentBy(answer: (response: ServerResponse) => void): { text: string; isOver: boolean } {
  const socket = new Socket();
  const sent: string[] = [];
  socket.write = (chunk: Uint8Array | string) => {
    sent.push(Buffer.from(chunk as string).toString('latin1'));
    return true;
  };
  const request = new IncomingMessage(socket);
  Object.assign(request, { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 });
  const response = new ServerResponse(request);
  response.shouldKeepAlive = true;
  response.assignSocket(socket);
  let isOver = false;
  response.once('prefinish', () => {
    isOver = true;
  });
  answer(response);
  response.detachSocket(socket);
  socket.destroy();
  return { text: sent.join(''), isOver };
}
