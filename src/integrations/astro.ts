/**
 * Publishes what `astro build` has written (`drayer/astro`). Astro itself is not imported: the types
 * are the few parts of its own that are used.
 */
import { fileURLToPath } from 'node:url';
import { checkOptions, type IntegrationOptions } from './options.ts';
import { publishOutput, type ToolLog } from './publish-output.ts';

export type { IntegrationOptions, ToolLog };

/** The integration that publishes, put behind all others. */
export type AstroPublisher = {
  readonly name: 'drayer';
  readonly hooks: {
    /** Keeps where the project is. */
    readonly 'astro:config:done': (given: {
      readonly config: { readonly root: URL };
      readonly buildOutput: 'static' | 'server';
    }) => void;
    /** Publishes. */
    readonly 'astro:build:done': (given: {
      readonly dir: URL;
      readonly logger: ToolLog;
    }) => Promise<void>;
  };
};

/** The integration that {@link drayer} returns; an `AstroIntegration` to Astro. */
export type DrayerIntegration = {
  readonly name: 'drayer';
  readonly hooks: {
    /** Puts the publisher behind all others. */
    readonly 'astro:config:setup': (given: {
      readonly command: string;
      /** Adds integrations at the end of the list. */
      readonly updateConfig: (config: { integrations: AstroPublisher[] }) => unknown;
    }) => void;
  };
};

/**
 * Publishes the output of `astro build`, after all other integrations, wherever it stands among them.
 * The dev server publishes nothing.
 *
 * @throws {DrayerError} USAGE naming an option that there is not, or that is of the wrong kind
 * @example
 * ```ts
 * import { defineConfig } from 'astro/config';
 * import { drayer } from 'drayer/astro';
 *
 * export default defineConfig({ integrations: [drayer({ stream: 'site.stream' })] });
 * ```
 */
export function drayer(options: IntegrationOptions = {}): DrayerIntegration {
  checkOptions(options);
  return {
    name: 'drayer',
    hooks: {
      'astro:config:setup'({ command, updateConfig }) {
        // Hooks run in the order of the list: what others still add to the output must be in it.
        if (command === 'build') updateConfig({ integrations: [publisher(options)] });
      },
    },
  };
}

function publisher(options: IntegrationOptions): AstroPublisher {
  let root = '.';
  let isStatic = true;
  return {
    name: 'drayer',
    hooks: {
      'astro:config:done'({ config, buildOutput }) {
        root = fileURLToPath(config.root);
        isStatic = buildOutput !== 'server';
      },
      async 'astro:build:done'({ dir, logger: log }) {
        if (!isStatic) log.warn('pages that are rendered on demand cannot be in a stream');
        await publishOutput(
          { directory: fileURLToPath(dir), root, isWatching: false, log },
          options,
        );
      },
    },
  };
}
