/**
 * Finds, runs and checks drayer.config.ts, and makes its paths absolute.
 * `import … from 'drayer'` inside it is answered by the running program, so that a config works
 * under npx, where no node_modules/drayer stands beside it.
 */
import { statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import type { DrayerConfig, StreamConfig } from './config-schema.ts';
import { defineConfig } from './define-config.ts';
import type { ServeConfig } from './serve-config.ts';

/** A loaded config: what was written, with the paths made absolute and one list of streams. */
export type Config = Omit<
  DrayerConfig,
  'directory' | 'build' | 'stream' | 'keyFile' | 'streams' | 'servers' | 'to'
> & {
  /** The file it came from, or undefined where there is none. */
  readonly file: string | undefined;
  /** The folder of the config file, or the one that was searched. */
  readonly root: string;
  /** Every stream, in the order written. */
  readonly streams: readonly ConfiguredStream[];
};

/** One stream of a loaded config. */
export type ConfiguredStream = {
  /** Folder to publish, absolute; undefined when the stream is only served. */
  readonly directory: string | undefined;
  /** What makes that folder; left out when a person does. */
  readonly build?: ConfiguredBuild | undefined;
  /** Stream file, absolute; undefined means beside the folder. */
  readonly path: string | undefined;
  /** File of the secret key, absolute; undefined means beside the stream file. */
  readonly keyFile: string | undefined;
  /** The configured name, or the name of the folder or stream file. */
  readonly name: string;
  /** The servers it should name; left out where the config says nothing of them. */
  readonly servers?: readonly string[] | undefined;
  /** The server it is published to; left out where it is written to its stream file. */
  readonly to?: string | undefined;
};

/** The build step of a loaded config; what it writes is the stream's `directory`. */
export type ConfiguredBuild = {
  /** Command line for the shell. */
  readonly command: string;
  /** Command line of the tool's own watcher, for as long as drayer watches. */
  readonly watch: string | undefined;
  /** Folder both run in, absolute: that of the config file. */
  readonly folder: string;
};

/** Options of {@link loadConfig}. */
export type LoadConfigOptions = {
  /** Loads what `import 'drayer'` means inside the file, when it asks for more than `defineConfig`. Default: Node's own resolution. */
  readonly importProgram?: (() => Promise<object>) | undefined;
  /** Folder to keep the translated file in, private to this user; it spares 0.1 s from the second time on. Default: none. */
  readonly cacheDir?: string | undefined;
};

/** Names looked for in a folder, first match wins. */
export const CONFIG_NAMES: readonly string[] = [
  'drayer.config.ts',
  'drayer.config.mts',
  'drayer.config.js',
  'drayer.config.mjs',
];

/**
 * Loads the config of a folder, or a config file by name.
 *
 * @param where - a folder (one without a config file gives an empty config) or the file itself
 * @returns the config with absolute paths; the exported object itself is not changed
 * @throws {DrayerError} CONFIG_INVALID when the file cannot be run, exports nothing, or a field is
 *   wrong; the message names the field. A named file that does not exist gives the same code
 *
 * @example
 * ```ts
 * const config = await loadConfig('.');
 * for (const { directory } of config.streams) console.log(directory);
 * ```
 */
export async function loadConfig(where: string, options: LoadConfigOptions = {}): Promise<Config> {
  const target = resolve(where);
  const file = findConfigFile(target);
  if (file === undefined) return { file, root: target, streams: [] };
  const exported = await runConfig(file, options);
  // Loaded only now: without a config no command should pay for what reads one.
  const { checkConfig } = await import('./config-schema.ts');
  return absoluteConfig(checkConfig(exported, file), file);
}

// Synchronous: promises of files take longer to load than this takes.
function findConfigFile(target: string): string | undefined {
  const kind = kindOf(target);
  if (kind === 'file') return target;
  if (kind === undefined) {
    throw new DrayerError('CONFIG_INVALID', `${target}: no such config file`, {
      hint: 'check the path after --config, or leave it out to use the drayer.config.ts of this folder',
    });
  }
  for (const name of CONFIG_NAMES) {
    const file = join(target, name);
    if (kindOf(file) === 'file') return file;
  }
  return undefined;
}

function kindOf(path: string): 'file' | 'directory' | undefined {
  try {
    return statSync(path).isDirectory() ? 'directory' : 'file';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new DrayerError('CONFIG_INVALID', `${path}: cannot be read`, { cause: error });
  }
}

/**
 * Runs the file. Nearly every config needs only `defineConfig`; loading the whole program for that
 * would double the start-up of each command, so it is loaded when another name is asked for.
 */
async function runConfig(file: string, options: LoadConfigOptions): Promise<unknown> {
  let asked = false;
  const light = new Proxy(
    { defineConfig, __esModule: true },
    {
      get(target, name) {
        if (name in target) return Reflect.get(target, name);
        if (typeof name === 'string' && name !== 'default' && name !== 'then') asked = true;
        return undefined;
      },
    },
  );
  try {
    return await importDefault(file, { drayer: light }, options.cacheDir);
  } catch (error) {
    if (!asked) throw cannotRun(file, error);
  }
  try {
    const program = await options.importProgram?.();
    const modules = program === undefined ? {} : { drayer: program };
    return await importDefault(file, modules, options.cacheDir);
  } catch (error) {
    throw cannotRun(file, error);
  }
}

async function importDefault(
  file: string,
  virtualModules: Record<string, unknown>,
  cacheDir: string | undefined,
): Promise<unknown> {
  const { createJiti } = await import('jiti');
  const jiti = createJiti(file, {
    // Its own choice would be a folder in /tmp, where a stranger may have put something to run.
    fsCache: await readyCache(cacheDir),
    moduleCache: false,
    interopDefault: false,
    virtualModules,
  });
  const module = await jiti.import<{ default?: unknown }>(file);
  return module.default;
}

/** The folder, made where it is not there, or false: without it a config is translated each time. */
async function readyCache(path: string | undefined): Promise<string | false> {
  if (path === undefined) return false;
  try {
    // Not left to jiti, which tries for ever where no folders can be made, as in /proc.
    if (kindOf(path) !== 'directory') await (await import('./make-folder.ts')).makeFolder(path);
    return path;
  } catch {
    return false;
  }
}

function cannotRun(file: string, error: unknown): DrayerError {
  if (isDrayerError(error)) return error;
  const reason = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
  return new DrayerError('CONFIG_INVALID', `${file}: ${reason}`, {
    cause: error,
    hint: 'the file must run and export its config by default: export default defineConfig({ … })',
  });
}

function absoluteConfig(written: DrayerConfig, file: string): Config {
  const { directory, build, stream, keyFile, streams, servers, to, dataDir, serve, ...rest } =
    written;
  const root = dirname(file);
  const isSingle = directory !== undefined || build !== undefined || stream !== undefined;
  const list = isSingle ? [{ directory, build, path: stream, keyFile }] : (streams ?? []);
  return {
    ...rest,
    file,
    root,
    dataDir: absolute(root, dataDir),
    ...(serve === undefined ? {} : { serve: absoluteServe(root, serve) }),
    streams: list.map((entry) => absoluteStream(root, { servers, to, ...entry })),
  };
}

function absoluteStream(root: string, entry: StreamConfig): ConfiguredStream {
  const directory = absolute(root, entry.build?.output ?? entry.directory);
  const path = absolute(root, entry.path);
  const name = entry.name ?? basename(directory ?? path ?? root).replace(/\.stream$/, '');
  const { servers, to } = entry;
  const stream = {
    ...{ directory, path, keyFile: absolute(root, entry.keyFile), name },
    ...(servers === undefined ? {} : { servers }),
    ...(to === undefined ? {} : { to }),
  };
  if (entry.build === undefined) return stream;
  const { command, watch } = entry.build;
  return { ...stream, build: { command, watch, folder: root } };
}

function absoluteServe(root: string, serve: ServeConfig): ServeConfig {
  const { tls } = serve;
  if (tls === undefined) return serve;
  return { ...serve, tls: { cert: resolve(root, tls.cert), key: resolve(root, tls.key) } };
}

function absolute(root: string, path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(root, path);
}
