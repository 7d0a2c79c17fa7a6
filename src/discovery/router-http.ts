/**
 * HTTP with the router and nobody else: to its own address, one request a connection, no redirects, answers
 * of limited size and time.
 */
import { type IncomingMessage, request } from 'node:http';
import { misbehaved, unanswered } from './router-mapper.ts';

/** Where something is asked, at the address of the router. */
export type RouterPlace = {
  readonly gateway: string;
  readonly port: number;
  /** Path and query, as {@link URL} has written them. */
  readonly path: string;
};

/** What is sent; nothing: a GET. */
export type RouterPost = {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
};

/** What came back. */
export type RouterAnswer = { readonly status: number; readonly text: string };

const MOST_BYTES = 128 * 1024;
const MOST_MS = 3_000;

/**
 * Asks the router.
 *
 * @throws {DrayerError} UNREACHABLE when nobody answers in three seconds, PEER_MISBEHAVED for an answer that is
 *   too long
 */
export async function askRouter(
  { gateway, port, path }: RouterPlace,
  signal: AbortSignal,
  post?: RouterPost,
): Promise<RouterAnswer> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(MOST_MS)]);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const length = post && { 'Content-Length': String(Buffer.byteLength(post.body)) };
      request(
        {
          host: gateway,
          port,
          path,
          method: post === undefined ? 'GET' : 'POST',
          headers: { ...post?.headers, ...length, Connection: 'close' },
          agent: false,
          signal: limit,
        },
        resolve,
      )
        .on('error', reject)
        .end(post?.body);
    });
    return { status: response.statusCode ?? 0, text: await readText(response, gateway) };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Error && 'code' in error && error.code === 'PEER_MISBEHAVED') throw error;
    throw unanswered(gateway, `HTTP on port ${port}`);
  }
}

async function readText(response: IncomingMessage, gateway: string): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response) {
    if (!(part instanceof Buffer)) continue;
    length += part.length;
    if (length > MOST_BYTES) throw misbehaved(gateway, `more than ${MOST_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
