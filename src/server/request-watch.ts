/** Tells of each request when it is over: what the access log and the metrics are made of. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { countGiven } from './ready-answer.ts';

/** A request that is over. */
export type SeenRequest = {
  readonly request: IncomingMessage;
  /** 499 when the client went away before there was one. */
  readonly status: number;
  /** Of the body, as handed to the system. */
  readonly bytes: number;
  /** From its last header line to the end of the answer. */
  readonly ms: number;
  /** When it came, in ms since 1970. */
  readonly cameMs: number;
  /** The answer was cut off. */
  readonly isCut: boolean;
};

/** nginx's number for a client that did not wait. */
const CLIENT_GONE = 499;

/** Wraps a handler; `onSeen` is called once for each request, after it. */
export function watchRequests(
  handler: RequestListener,
  onSeen: (seen: SeenRequest) => void,
): RequestListener {
  return (request, response) => {
    const cameMs = Date.now();
    const started = performance.now();
    const count = countBody(response);
    response.once('close', () => {
      onSeen({
        request,
        status: response.headersSent ? response.statusCode : CLIENT_GONE,
        bytes: request.method === 'HEAD' ? 0 : count(),
        ms: performance.now() - started,
        cameMs,
        isCut: !response.writableFinished,
      });
    });
    handler(request, response);
  };
}

/** Counts what is written of a body; headers and the frames of chunks are none of it. */
function countBody(response: ServerResponse): () => number {
  let bytes = 0;
  const { write, end } = response;
  countGiven(response, (given) => {
    bytes += given;
  });
  const add = (chunk: unknown): void => {
    if (typeof chunk === 'string') bytes += Buffer.byteLength(chunk);
    else if (chunk instanceof Uint8Array) bytes += chunk.length;
  };
  response.write = ((...args: Parameters<typeof write>) => {
    add(args[0]);
    return write.apply(response, args);
  }) as typeof write;
  response.end = ((...args: Parameters<typeof end>) => {
    // Where it is given a body, node writes it itself and not with what stands here.
    add(args[0]);
    return end.apply(response, args);
  }) as typeof end;
  return () => bytes;
}
