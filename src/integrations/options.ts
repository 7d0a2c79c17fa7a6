/** What a person may say to an integration, the same in every tool. */
import { DrayerError } from '../core/errors.ts';
import { withoutSecrets } from '../core/without-secrets.ts';

/** Options of `drayer()` in every integration. Paths are relative to the project's root. */
export type IntegrationOptions = {
  /** Stream file. Default: what drayer.config.ts says of the output folder, or `NAME.stream` beside it. */
  readonly stream?: string | undefined;
  /** Config file, or a folder that has one. Default: DRAYER_CONFIG, or the project's root. */
  readonly config?: string | undefined;
  /** File of the secret key. Default: DRAYER_KEY, DRAYER_KEY_FILE, the config, or beside the stream. */
  readonly keyFile?: string | undefined;
  /**
   * `build`: after a build that ends by itself. `always`: also after each rebuild of a tool that
   * watches. `never`: not at all. Default: `build`.
   */
  readonly when?: 'build' | 'always' | 'never' | undefined;
  /** What to leave out, in the syntax of .gitignore, besides what the config leaves out. */
  readonly ignore?: readonly string[] | undefined;
  /**
   * Whether broken links are warned of, or fail the build. Default: what drayer.config.ts says, else
   * `warn` where CI is set and `off` elsewhere.
   */
  readonly checkLinks?: 'warn' | 'error' | 'off' | undefined;
  /** Publishes also when most files of the stream are gone from the output. Default: false. */
  readonly allowMassDelete?: boolean | undefined;
  /** Begins a stream with a given key that has signed nothing yet. Default: false. */
  readonly unusedKey?: boolean | undefined;
};

/** Tells whether to publish after a build. */
export function isWanted({ when = 'build' }: IntegrationOptions, isWatching: boolean): boolean {
  return when === 'always' || (when === 'build' && !isWatching);
}

/**
 * Refuses options that nobody would notice to be without effect.
 *
 * @returns the options
 * @throws {DrayerError} USAGE naming the option
 */
export function checkOptions(options: IntegrationOptions): IntegrationOptions {
  for (const [name, value] of Object.entries(options)) {
    const kind = KINDS[name];
    if (kind === undefined) {
      throw wrongOption(`there is no ${name}; there are ${Object.keys(KINDS).join(', ')}`);
    }
    if (value === undefined || kind.accepts(value)) continue;
    throw wrongOption(`${name}: expected ${kind.expected}, got ${JSON.stringify(value)}`);
  }
  return options;
}

function wrongOption(message: string): DrayerError {
  return new DrayerError('USAGE', withoutSecrets(`options of drayer(): ${message}`));
}

type Kind = { readonly expected: string; accepts(value: unknown): boolean };

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const text: Kind = { expected: 'a non-empty string', accepts: isText };
const choice: Kind = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' };

function oneOf(...words: readonly string[]): Kind {
  const all = words.map((word) => `'${word}'`);
  return {
    expected: `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`,
    accepts: (value) => words.some((word) => word === value),
  };
}

const KINDS: { readonly [name: string]: Kind | undefined } = {
  stream: text,
  config: text,
  keyFile: text,
  when: oneOf('build', 'always', 'never'),
  ignore: {
    expected: 'a list of strings',
    accepts: (value) => Array.isArray(value) && value.every(isText),
  },
  checkLinks: oneOf('warn', 'error', 'off'),
  allowMassDelete: choice,
  unusedKey: choice,
} satisfies { [name in keyof IntegrationOptions]-?: Kind };
