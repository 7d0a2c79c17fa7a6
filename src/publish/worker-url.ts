/**
 * Where the code of a worker thread is.
 *
 * @param name - of a module of this folder, without its ending
 */
export function workerUrl(name: string): URL {
  if (!import.meta.url.endsWith('.ts')) return new URL(`./${name}.js`, import.meta.url);
  // The sources as they are, under tsx: Node 20 gives `--import tsx` to the main thread only.
  const [tsx, worker] = [
    import.meta.resolve('tsx/esm/api'),
    new URL(`./${name}.ts`, import.meta.url),
  ];
  const source = `import { register } from '${tsx}'; register(); await import('${worker}');`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}
