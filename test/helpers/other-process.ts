/** Runs a piece of a test in another process, which shares nothing with this one but files. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Runs an ES module text in a new process of this Node, with the same loader.
 *
 * @param code - may import by `${SRC}…`, which stands for this project's src folder
 * @returns what it printed
 */
export async function inOtherProcess(code: string): Promise<string> {
  const source = new URL('../../src/', import.meta.url).href;
  const { stdout } = await run(process.execPath, [
    '--conditions=source',
    '--import',
    import.meta.resolve('tsx'),
    '--expose-gc',
    '--input-type=module',
    '--eval',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it stands in other code's templates
    code.replaceAll('${SRC}', source),
  ]);
  return stdout;
}
