/**
 * Publishes what `vite build` has written (`drayer/vite`). Vite itself is not imported: the types are
 * the few parts of its own that are used, and any Vite from 5 on has them.
 */
import { checkOptions, type IntegrationOptions, isWanted } from './options.ts';
import { publishOutput, type ToolLog } from './publish-output.ts';

export type { IntegrationOptions, ToolLog };

/** What is read of Vite's resolved config. */
export type ViteConfig = {
  readonly root: string;
  readonly base: string;
  readonly build: {
    readonly outDir: string;
    readonly ssr: boolean | string;
    readonly watch: object | null;
  };
  readonly logger: ToolLog;
};

/** The plugin that {@link drayer} returns; a `Plugin` to Vite. */
export type VitePlugin = {
  readonly name: 'drayer';
  readonly apply: 'build';
  readonly enforce: 'post';
  /** The browser's part only. */
  readonly applyToEnvironment: (environment: { readonly name: string }) => boolean;
  /** Keeps where the output goes. */
  readonly configResolved: (config: ViteConfig) => void;
  /** Nothing of this build is written yet. */
  readonly buildStart: () => void;
  readonly writeBundle: {
    readonly order: 'post';
    /** It is written now. */
    readonly handler: () => void;
  };
  readonly closeBundle: {
    readonly order: 'post';
    readonly sequential: true;
    /** Publishes. */
    readonly handler: () => Promise<void>;
  };
};

/**
 * Publishes the output of `vite build`, after all other plugins are done with it. Neither the dev
 * server nor `vite build --watch` publishes, the latter unless `when` is `always`; nor does a server
 * bundle, nor a build that failed.
 *
 * @throws {DrayerError} USAGE naming an option that there is not, or that is of the wrong kind
 * @example
 * ```ts
 * import { drayer } from 'drayer/vite';
 * import { defineConfig } from 'vite';
 *
 * export default defineConfig({ base: './', plugins: [drayer({ stream: 'site.stream' })] });
 * ```
 */
export function drayer(options: IntegrationOptions = {}): VitePlugin {
  checkOptions(options);
  let config: ViteConfig | undefined;
  let isWritten = false;
  return {
    name: 'drayer',
    apply: 'build',
    enforce: 'post',
    applyToEnvironment: ({ name }) => name === 'client',
    configResolved(resolved) {
      config = resolved;
    },
    buildStart() {
      isWritten = false;
    },
    writeBundle: {
      order: 'post',
      handler() {
        isWritten = true;
      },
    },
    closeBundle: {
      order: 'post',
      sequential: true,
      // A failed build is closed too, and so is one that was only to be looked at.
      async handler() {
        if (config === undefined || !isWritten || config.build.ssr) return;
        isWritten = false;
        await publishBuilt(config, options);
      },
    },
  };
}

async function publishBuilt(config: ViteConfig, options: IntegrationOptions): Promise<void> {
  const { root, base, build, logger } = config;
  const isWatching = build.watch !== null;
  const log = {
    info: (text: string) => logger.info(`drayer: ${text}`),
    warn: (text: string) => logger.warn(`drayer: ${text}`),
  };
  if (isWanted(options, isWatching) && /^(\/|\w+:)/.test(base)) {
    log.warn(
      `base is ${JSON.stringify(base)}: a mirror may serve the site below a path, /KEY/webAccess/, where its scripts are then not found; base: './' works everywhere`,
    );
  }
  await publishOutput({ directory: build.outDir, root, isWatching, log }, options);
}
