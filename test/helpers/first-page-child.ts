/**
 * Asks a server on this machine for a page, again and again from before it is there, and prints when it came.
 * `first-page-child.ts PORT HOST`: prints `ready`, then `page MS BYTES` on the clock that all processes share.
 */
import { get } from 'node:http';

const [, , port = '', host = ''] = process.argv;
const AGAIN_MS = 5;

function ask(): void {
  const question = get({ host: '127.0.0.1', port, path: '/', headers: { host } }, (answer) => {
    let bytes = 0;
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    answer.on('end', () => {
      if (answer.statusCode !== 200) setTimeout(ask, AGAIN_MS);
      else console.log(`page ${Number(process.hrtime.bigint()) / 1e6} ${bytes}`);
    });
  });
  question.on('error', () => setTimeout(ask, AGAIN_MS));
}

console.log('ready');
ask();
