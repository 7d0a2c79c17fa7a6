/**
 * Publishes what Eleventy has written (`drayer/eleventy`). Eleventy itself is not imported: the types
 * are the few parts of its own that are used.
 */
import { checkOptions, type IntegrationOptions } from './options.ts';
import { publishOutput } from './publish-output.ts';

export type { IntegrationOptions };

/** What Eleventy tells when it has built. */
export type EleventyBuild = {
  readonly directories: { readonly output: string };
  readonly runMode: 'build' | 'serve' | 'watch';
  readonly outputMode: 'fs' | 'json' | 'ndjson';
};

/** The part of Eleventy's logger that is used. */
export type EleventyLog = {
  /** What was done. */
  readonly log: (text: string) => void;
  /** What somebody should look at. */
  readonly warn: (text: string) => void;
};

/** The part of Eleventy's config object that is used. */
export type EleventyConfig = {
  /** Registers a listener. */
  readonly on: (
    event: 'eleventy.before' | 'eleventy.after',
    listener: (build: EleventyBuild) => unknown,
  ) => unknown;
  /** One listener after the other, or all at once. */
  readonly setEventEmitterMode: (mode: 'sequential') => void;
  readonly logger?: EleventyLog | undefined;
};

/**
 * An Eleventy plugin: publishes the output of a build, after all other listeners to its end. With
 * `--serve` and `--watch` nothing is published, unless `when` is `always`.
 *
 * @throws {DrayerError} USAGE naming an option that there is not, or that is of the wrong kind
 * @example
 * ```ts
 * import { drayer } from 'drayer/eleventy';
 *
 * export default function (eleventyConfig) {
 *   eleventyConfig.addPlugin(drayer, { stream: 'site.stream' });
 * }
 * ```
 */
export function drayer(eleventyConfig: EleventyConfig, options: IntegrationOptions = {}): void {
  checkOptions(options);
  // By default all listeners run at once, and one may still write while we read.
  eleventyConfig.setEventEmitterMode('sequential');
  let isListening = false;
  eleventyConfig.on('eleventy.before', () => {
    // Only now have all others been registered.
    if (!isListening) eleventyConfig.on('eleventy.after', publishBuilt);
    isListening = true;
  });

  async function publishBuilt({ directories, runMode, outputMode }: EleventyBuild): Promise<void> {
    if (outputMode !== 'fs') return;
    const { logger = console } = eleventyConfig;
    await publishOutput(
      {
        directory: directories.output,
        root: process.cwd(),
        isWatching: runMode !== 'build',
        log: {
          info: (text) => logger.log(`drayer: ${text}`),
          warn: (text) => logger.warn(`drayer: ${text}`),
        },
      },
      options,
    );
  }
}
