/** Where the code of a worker thread is. */

/**
 * Returns the address of the module `name` beside the module `at`, as a thread takes it: built into one
 * script (bundle.js), or the sources as they are, under tsx.
 *
 * @param name - such as `./value-worker`
 */
export function workerUrl(name: string, at: string): URL {
  if (!at.endsWith('.ts')) return new URL(`${name}.cjs`, at);
  // Node 20 gives `--import tsx` to the main thread only.
  const [tsx, worker] = [import.meta.resolve('tsx/esm/api'), new URL(`${name}.ts`, at)];
  const source = `import { register } from '${tsx}'; register(); await import('${worker}');`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}
