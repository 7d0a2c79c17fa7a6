/** Many requests over one connection, written ahead of their answers. */
import { connect } from 'node:net';

/** An answer with the length said before its body. */
export type PipelinedAnswer = {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: Buffer;
};

/** Requests in one write: enough that the round trip does not count. */
const AT_ONCE = 100;

/**
 * Asks for each path in turn, and tells each answer; ends with an error when the server closes before the
 * last one.
 *
 * @param lines - header lines of every request, `Host` among them
 */
export async function pipeline(
  { port, lines }: { readonly port: number; readonly lines: readonly string[] },
  paths: readonly string[],
  onAnswer: (answer: PipelinedAnswer, path: string) => void,
): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const head = ` HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
  let [asked, answered] = [0, 0];
  let rest: Buffer = Buffer.alloc(0);
  const askMore = (): void => {
    const batch = paths.slice(asked, asked + AT_ONCE);
    asked += batch.length;
    socket.write(Buffer.from(batch.map((path) => `GET ${path}${head}`).join(''), 'latin1'));
  };
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed after ${paths[answered - 1]}`)));
    socket.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      try {
        for (let found = takeAnswer(rest); found !== undefined; found = takeAnswer(rest)) {
          rest = rest.subarray(found.length);
          onAnswer(found.answer, paths[answered] ?? '');
          answered += 1;
        }
      } catch (error) {
        reject(error);
        socket.destroy();
        return;
      }
      if (answered === paths.length) resolve();
      else if (answered === asked) askMore();
    });
    askMore();
  });
  socket.destroy();
}

function takeAnswer(bytes: Buffer): { answer: PipelinedAnswer; length: number } | undefined {
  const split = bytes.indexOf('\r\n\r\n');
  if (split === -1) return undefined;
  const head = bytes.toString('latin1', 0, split);
  const size = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (size === undefined) throw new Error(`no length in ${head.slice(0, 300)}`);
  const length = split + 4 + Number(size);
  if (bytes.length < length) return undefined;
  const status = Number(head.slice(9, 12));
  const location = /\r\nlocation: (.*)/i.exec(head)?.[1];
  return { answer: { status, location, body: bytes.subarray(split + 4, length) }, length };
}
