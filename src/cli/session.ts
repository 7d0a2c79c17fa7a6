/** What every command gets: the terminal, the signal that ends it, and the settled configuration. */
import { type Config, loadConfig } from '../config/load-config.ts';
import { cacheDir, resolveSettings, type SettingFlags, type Settings } from '../config/settings.ts';
import { ownEnvironment } from './own-environment.ts';
import { createTerminal, type Terminal } from './terminal.ts';

/** The flags that every command takes. */
export type CommonFlags = {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly config?: string | undefined;
};

/** One run of one command. */
export type Session = {
  readonly terminal: Terminal;
  /** Aborts at SIGINT, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
  readonly environment: NodeJS.ProcessEnv;
  /** The config, loaded when first asked for. */
  config(): Promise<Config>;
  /** Settings by precedence: flag, environment, config, default. */
  settings(flags?: SettingFlags): Promise<Settings>;
};

/** Opens the session of a command from its flags. */
export type OpenSession = (flags: CommonFlags) => Session;

/**
 * Makes the session of one command.
 *
 * @param known - the config, where it has been loaded before: it is the user's program, and runs once
 */
export function createSession(flags: CommonFlags, signal: AbortSignal, known?: Config): Session {
  const environment = ownEnvironment();
  const { json = false, quiet = false } = flags;
  let loading = known && Promise.resolve(known);
  const config = (): Promise<Config> => {
    const where = flags.config ?? (environment['DRAYER_CONFIG'] || '.');
    loading ??= loadConfig(where, {
      importProgram: () => import('../index.ts'),
      cacheDir: cacheDir(environment),
    });
    return loading;
  };
  return {
    terminal: createTerminal({ json, quiet, environment }),
    signal,
    environment,
    config,
    settings: async (given = {}) => resolveSettings(given, environment, await config()),
  };
}
